"""`evaluate`: how good a run's weights are, class by class, on validation; the test figures as they were stored."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.cli.find import find_run
from core.cli.output import CommandError, print_facts, print_json, print_table, say
from core.system.errors import LabError
from core.text.formats import format_number, format_percent

if TYPE_CHECKING:
    from core.examine.predictions import Predicted
    from core.examine.weights import Weights
    from core.runs.folder import Run


class Checkpoint(StrEnum):
    """Which weights are meant."""

    best = "best"
    last = "last"


def evaluate_run(
    run_id: Annotated[str, typer.Argument(metavar="ID", help="Id of a run, or how it begins.")],
    checkpoint: Annotated[
        Checkpoint, typer.Option("--checkpoint", "-c", help="Best on validation, or the last.")
    ] = Checkpoint.best,
    as_json: Annotated[bool, typer.Option("--json", help="Everything as JSON.")] = False,
) -> None:
    """Evaluates a run's checkpoint: accuracy, loss, top-k, calibration, and precision, recall and F1 of each class.

    The validation images are predicted now, from the checkpoint. The test images are not looked at again: their
    figures come from the predictions that the training stored at its end, and are left out where there are none.
    """
    from core.examine.predictions import name_classes
    from core.examine.weights import find_weights, require_sound

    run = find_run(run_id)
    require_sound(run)
    weights = find_weights(run, checkpoint.value)
    if weights.key != checkpoint.value:
        raise CommandError(f"The run has no {checkpoint.value} weights.")
    found = _measure_splits(run, weights)
    classes = name_classes(run)
    if as_json:
        print_json({"id": run.id, "checkpoint": checkpoint.value, "epoch": weights.epoch, "classes": classes, **found})
        return
    _print(run.id, weights.title, classes, found)


def _measure_splits(run: Run, weights: Weights) -> dict[str, Any]:
    """The figures of each split; `test` is None where the run has not stored its predictions."""
    from core.examine.predictions import read_stored
    from core.stats.calibration import fit_temperature

    val, source = _predict(run, weights)
    temperature = fit_temperature(val.logits, val.labels)
    found: dict[str, Any] = {"temperature": temperature, "validation": _measure(val, temperature, source), "test": None}
    try:
        test = read_stored(run, weights, "test")
    except LabError as error:
        say(str(error))
        test = None
    if test is not None:
        found["test"] = _measure(test, temperature, "stored")
    return found


def _predict(run: Run, weights: Weights) -> tuple[Predicted, str]:
    """Validation predictions of the checkpoint; the stored ones where it, or the data set, is gone, and says so."""
    from core.examine.predicting import Prediction
    from core.examine.predictions import check_predicted, read_stored
    from core.examine.weights import name_file

    try:
        prediction = Prediction(name_file(run, weights), "val")
        prediction.wait()
    except LabError as error:
        stored = read_stored(run, weights, "val")
        if stored is None:
            raise
        say(f"{error} These are the figures of the predictions that were stored.")
        return stored, "stored"
    return check_predicted(*prediction.result(), run.spec.data.num_classes), "checkpoint"


def _measure(predicted: Predicted, temperature: float, source: str) -> dict[str, Any]:
    from core.examine.predictions import measure_reliability, work_out

    figures = work_out(predicted)
    before, after = measure_reliability(predicted), measure_reliability(predicted, temperature)
    by_class = figures.classes
    return {
        "source": source,
        "images": figures.accuracy.num_images,
        "accuracy": figures.accuracy.value,
        "accuracy_interval": [figures.accuracy.interval.low, figures.accuracy.interval.high],
        "loss": figures.loss,
        "top": {str(k): share for k, share in figures.top.items()},
        "ece": before.ece,
        "ece_scaled": after.ece,
        "loss_scaled": after.nll,
        "precision": by_class.precision.tolist(),
        "recall": by_class.recall.tolist(),
        "f1": by_class.f1.tolist(),
        "support": by_class.support.tolist(),
        "confusion": figures.matrix.tolist(),
    }


def _print(run_id: str, label: str, classes: list[str], found: dict[str, Any]) -> None:
    splits = {name: found[name] for name in ("validation", "test") if found[name]}
    rows = [
        ("images", *[f"{one['images']:,}" for one in splits.values()]),
        ("accuracy", *[format_percent(one["accuracy"]) for one in splits.values()]),
        ("95 % interval", *[_interval(one["accuracy_interval"]) for one in splits.values()]),
        *[
            (f"top-{k}", *[format_percent(one["top"][k]) for one in splits.values()])
            for k in found["validation"]["top"]
            if k != "1"
        ],
        ("loss", *[format_number(one["loss"]) for one in splits.values()]),
        ("calibration error", *[format_percent(one["ece"]) for one in splits.values()]),
        (
            f"... at temperature {found['temperature']:.3f}",
            *[format_percent(one["ece_scaled"]) for one in splits.values()],
        ),
    ]
    print_facts([("run", run_id), ("weights", label)])
    print()
    print_table(("", *splits), rows, right=list(splits))
    print()
    part = found["validation"]
    columns = ("class, on validation", "precision", "recall", "F1", "images")
    table = zip(classes, part["precision"], part["recall"], part["f1"], part["support"], strict=True)
    rows = [(name, *[_share(value) for value in (p, r, f)], f"{n:,}") for name, p, r, f, n in table]
    print_table(columns, rows, right=columns[1:])


def _share(value: float) -> str:
    """What nothing defines is NaN: a class that was never predicted has no precision."""
    return format_percent(value)


def _interval(bounds: list[float]) -> str:
    return f"{100 * bounds[0]:.2f} to {100 * bounds[1]:.2f}"
