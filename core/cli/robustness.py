"""`robustness`: how far a run's accuracy falls on images that are spoiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.find import find_runs
from core.cli.follow import POLL_SECONDS, make_bars
from core.cli.output import CommandError, make_console, print_json, print_table, say
from core.cli.source import AsJson, RunIds
from core.runs.records import WeightsName
from core.text.formats import format_percent

if TYPE_CHECKING:
    from core.examine.weights import Weights
    from core.runs.folder import Run
    from core.runs.robustness import Robustness


def measure_runs(
    run_ids: RunIds,
    checkpoint: Annotated[
        WeightsName, typer.Option("--checkpoint", "-c", help="Best on validation, or the last.")
    ] = "best",
    images: Annotated[int, typer.Option(min=10, max=1_000_000, help="Validation images at most.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of noise and directions.")] = 0,
    again: Annotated[bool, typer.Option("--again", help="Measures even what was measured before.")] = False,
    as_json: AsJson = False,
) -> None:
    """Measures accuracy on validation images under noise, blur, low contrast, JPEG, shifts and turns.

    Each at five strengths. What was measured is kept beside the run and shown at once the next time, on the pages
    Examine and Compare too.
    """
    from core.examine.robustness import find_measured
    from core.examine.weights import explain_absent, find_weights, require_sound

    found = []
    for run in find_runs(run_ids):
        require_sound(run)
        weights = find_weights(run, checkpoint)
        if weights.key != checkpoint:
            raise CommandError(explain_absent(run, checkpoint))
        known = None if again else find_measured(run, weights)
        if known is None or (known.images < images <= _count_val(run)) or known.seed != seed:
            known = _measure(run, weights, images, seed)
        found.append((run, known))
    if as_json:
        print_json([{"id": run.id, "checkpoint": checkpoint, **_describe(each)} for run, each in found])
        return
    _print([(run.about.name or run.id, each) for run, each in found])


def _count_val(run: Run) -> int:
    return int(run.environment().get("val_images") or 0)


def _measure(run: Run, weights: Weights, images: int, seed: int) -> Robustness:
    """With a bar on a terminal. Raises QuestionError."""
    from core.examine.robustness import Measurement

    measurement = Measurement(run, weights, images, seed)
    with make_bars(make_console(stderr=True)) as bars:
        bar = bars.add_task("Measuring", total=None, facts="")
        while not measurement.wait(POLL_SECONDS):
            facts = f"{measurement.done:,} of {measurement.total:,} answers" if measurement.total else ""
            bars.update(bar, completed=measurement.done, total=measurement.total or None, facts=facts)
    return measurement.result()


def _describe(each: Robustness) -> dict[str, object]:
    return {
        "images": each.images,
        "seed": each.seed,
        "accuracy": each.accuracy,
        "mean": each.mean(),
        "corruptions": {kind: each.accuracies(kind)[1:] for kind in each.right},
    }


def _print(found: list[tuple[str, Robustness]]) -> None:
    from core.data.corruptions import describe
    from core.examine.robustness import TITLES

    if len(found) == 1:
        each = found[0][1]
        columns = ("corruption", "as it is", *(f"strength {number}" for number in range(1, 6)), "mean")
        rows = [
            (TITLES[kind], *[format_percent(value) for value in each.accuracies(kind)], format_percent(each.mean(kind)))
            for kind in each.right
        ]
        print_table(columns, rows, right=columns[1:])
    else:
        columns = ("run", "as it is", "mean of all", *(title.lower() for title in TITLES.values()))
        rows = [
            (name, format_percent(each.accuracy), *[format_percent(each.mean(kind)) for kind in ("", *TITLES)])
            for name, each in found
        ]
        print_table(columns, rows, right=columns[1:], whole=("run",))
    each = found[0][1]
    say(f"On {each.images:,} validation images. {describe()}")
