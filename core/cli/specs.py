"""Commands about a spec before it is trained: `presets`, `spec`, `cost`, `fit`, `estimate`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from core.cli.output import FAILED, CommandError, print_json, print_table, say
from core.cli.source import AsJson, PresetName, Settings, SpecFile, read_spec
from core.spec import RunSpec
from core.system.errors import LabError
from core.text.formats import format_bytes, format_count, format_seconds
from core.text.words import count_of

Batch = Annotated[
    int | None, typer.Option("--batch", metavar="IMAGES", help="Batch size for the memory, instead of the spec's.")
]


def list_presets(as_json: AsJson = False) -> None:
    """Lists the named specs to start from, each with the reference it comes from."""
    from core.spec.cost import cost_of
    from core.spec.presets import PRESETS

    presets = [(preset, cost_of(preset.spec).parameters) for preset in PRESETS.values()]
    if as_json:
        print_json(
            [
                {**vars(preset), "parameters": parameters, "spec": preset.spec.model_dump(mode="json")}
                for preset, parameters in presets
            ]
        )
        return
    rows = [(preset.name, f"{parameters:,}", preset.source, preset.note) for preset, parameters in presets]
    print_table(
        ("name", "parameters", "source", "note"), rows, right=("parameters",), whole=("name",), spare=("note", "source")
    )


def show_spec(file: SpecFile = None, preset: PresetName = None, settings: Settings = None) -> None:
    """Prints a whole spec as JSON, checked: a file to edit and to train."""
    typer.echo(read_spec(file, preset, settings).model_dump_json(indent=2))


def show_cost(
    file: SpecFile = None,
    preset: PresetName = None,
    settings: Settings = None,
    batch: Batch = None,
    as_json: AsJson = False,
) -> None:
    """Shows parameters, multiply-adds and memory, layer by layer, before anything is trained."""
    sizes = [] if batch is None else [f"train.batch_size={batch}"]
    facts = _cost_facts(read_spec(file, preset, [*(settings or []), *sizes]))
    if as_json:
        print_json(facts)
        return
    total = {**facts, "name": "total", "channels": "", "map_size": ""}
    columns = ("part", "channels", "map", "parameters", "multiply-adds", "activations")
    rows = [
        (
            row["name"],
            row["channels"],
            f"{row['map_size']}x{row['map_size']}" if row["map_size"] else "",
            f"{row['parameters']:,}",
            format_count(row["multiply_adds"]),
            format_count(row["activation_elements"]),
        )
        for row in [*facts["layers"], total]
    ]
    print_table(columns, rows, right=columns[1:])
    print(
        f"\nTraining with batches of {facts['batch_size']} images takes about {format_bytes(facts['memory_bytes'])} of "
        f"memory with activations in {facts['memory_precision']}. At the end it keeps up to "
        f"{count_of(facts['checkpoints'], 'checkpoint')}, about {format_bytes(facts['checkpoint_bytes'])} of disk."
    )


def _cost_facts(spec: RunSpec) -> dict[str, Any]:
    from core.spec.cost import cost_of, training_memory
    from core.spec.keeping import estimate_keeping

    cost = cost_of(spec)
    keeping = estimate_keeping(spec, cost)
    # "auto" takes bfloat16 only if the device has it; float32 is the most it needs.
    precision = "bfloat16" if spec.train.precision == "bfloat16" else "float32"
    return {
        **{key: getattr(cost, key) for key in ("parameters", "multiply_adds", "activation_elements")},
        "layers": [vars(layer) for layer in cost.layers],
        "batch_size": spec.train.batch_size,
        "memory_bytes": training_memory(spec, cost, 2 if precision == "bfloat16" else 4),
        "memory_precision": precision,
        "checkpoints": keeping.count,
        "checkpoint_bytes": keeping.bytes,
    }


def fit_spec(
    file: SpecFile = None,
    preset: PresetName = None,
    settings: Settings = None,
    budget: Annotated[
        int, typer.Option("--budget", "-b", metavar="PARAMETERS", min=1, help="Parameters at most.")
    ] = 5_000_000,
) -> None:
    """Scales all channels to come as close under a budget of parameters as possible; prints the spec as JSON."""
    from core.spec.cost import cost_of, fit_to_budget

    spec = read_spec(file, preset, settings)
    fitted = fit_to_budget(spec, budget)
    typer.echo(fitted.model_dump_json(indent=2))
    before, after = (", ".join(str(layer.channels) for layer in each.model.layers) for each in (spec, fitted))
    say(f"Channels {before} became {after}: {cost_of(fitted).parameters:,} of {budget:,} parameters.")


def measure_spec(
    file: SpecFile = None, preset: PresetName = None, settings: Settings = None, as_json: AsJson = False
) -> None:
    """Trains 20 steps on this machine to estimate an epoch's time, peak memory and the largest batch."""
    from core.launch.estimates import make_forecast, measure_now

    spec = read_spec(file, preset, settings)
    try:
        estimate = measure_now(spec)
    except LabError as error:
        raise CommandError(str(error), FAILED) from None
    forecast = make_forecast(spec, estimate)
    if as_json:
        print_json({"measured": estimate, "forecast": forecast})
        return
    rows = [
        ("an epoch", format_seconds(forecast.epoch_seconds)),
        (f"{spec.train.passes:,g} epochs", format_seconds(forecast.seconds)),
        ("memory at most", format_bytes(forecast.memory_bytes)),
        ("largest batch", "not seen" if forecast.largest_batch is None else f"{forecast.largest_batch:,}"),
        ("measured on", f"{estimate.device_name} ({estimate.device}), {estimate.steps} steps"),
    ]
    print_table(("what", "value"), rows)
