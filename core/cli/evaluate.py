"""`evaluate`: how good a run's weights are, class by class, on validation; the test figures as they were stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.cli.find import find_run
from core.cli.follow import POLL_SECONDS, make_bars
from core.cli.output import CommandError, make_console, print_facts, print_json, print_table, say
from core.cli.source import AsJson, RunId
from core.runs.records import WeightsName
from core.system.errors import LabError
from core.text.formats import format_number, format_percent

if TYPE_CHECKING:
    from core.examine.predictions import Predicted
    from core.examine.weights import Weights
    from core.runs.folder import Run

_MEANS = ("precision", "recall", "F1")  # over the classes that have images


def evaluate_run(
    run_id: RunId,
    checkpoint: Annotated[
        WeightsName, typer.Option("--checkpoint", "-c", help="Best on validation, or the last.")
    ] = "best",
    on: Annotated[
        str,
        typer.Option(
            "--on", metavar="SET", help="Another set with the same classes: its name in the lab, or an image folder."
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Evaluates a run's checkpoint: accuracy, loss, top-k, calibration, and precision, recall and F1 of each class.

    The figures are of the predictions that the training stored at its end. Where it has not come to that, the
    validation images are predicted now, from the checkpoint; the test images are never looked at again.
    """
    from core.examine.predictions import name_classes
    from core.examine.weights import find_weights, require_sound

    run = find_run(run_id)
    require_sound(run)
    weights = find_weights(run, checkpoint)
    if weights.key != checkpoint and run.has_validation:
        raise CommandError(f"The run has no {checkpoint} weights.")
    classes = name_classes(run)
    if on:
        _measure_other(run, weights, classes, on, as_json)
        return
    found = _measure_splits(run, weights)
    if as_json:
        print_json({"id": run.id, "checkpoint": weights.key, "epoch": weights.epoch, "classes": classes, **found})
        return
    _print(run.id, weights.title, classes, found)


def _measure_other(run: Run, weights: Weights, classes: list[str], on: str, as_json: bool) -> None:
    """On the set's own test images or, where it has none, on all of it; with the run's own validation beside it."""
    from core.examine.answers import make_member
    from core.examine.other_set import SetPrediction, find_set
    from core.stats.calibration import fit_temperature

    data = find_set(on)
    prediction = SetPrediction(run, make_member(run, weights.key)[0], data, classes)
    with make_bars(make_console(stderr=True)) as bars:
        bar = bars.add_task("Predicting", total=None, facts="")
        while not prediction.wait(POLL_SECONDS):
            facts = f"{prediction.done:,} of {prediction.total:,} images" if prediction.total else ""
            bars.update(bar, completed=prediction.done, total=prediction.total or None, facts=facts)
    val, source = predict_validation(run, weights) if run.has_validation else (None, "")
    temperature = fit_temperature(val.logits, val.labels) if val else None
    found: dict[str, Any] = {"temperature": temperature, "validation": val and _measure(val, temperature, source)}
    other = _measure(prediction.result(), temperature, "predicted")
    if as_json:
        print_json({"id": run.id, "checkpoint": weights.key, "classes": classes, "on": on, **found, "other": other})
        return
    _print(run.id, weights.title, classes, {**found, on: other}, ("validation", on), on)


def _measure_splits(run: Run, weights: Weights) -> dict[str, Any]:
    """The figures of each split; `test` is None if the run has not stored its predictions.

    Where no images were held out `validation` and `temperature` are None. Raises CommandError if there is nothing.
    """
    from core.examine.predictions import read_stored
    from core.stats.calibration import fit_temperature

    val, source = predict_validation(run, weights) if run.has_validation else (None, "")
    temperature = fit_temperature(val.logits, val.labels) if val else None
    test = None
    try:
        test = read_stored(run, weights, "test")
    except LabError as error:
        say(str(error))
    if val is None and test is None:
        raise CommandError("No images were held out to validate on, and there are no predictions of the test images.")
    return {
        "temperature": temperature,
        "validation": val and _measure(val, temperature, source),
        "test": test and _measure(test, temperature, "stored"),
    }


def predict_validation(run: Run, weights: Weights) -> tuple[Predicted, str]:
    """Validation predictions as they were stored, so that the figures are the run's own; or those of the checkpoint."""
    from core.examine.predicting import Prediction
    from core.examine.predictions import check_predicted, explain_difference, read_stored
    from core.examine.weights import name_file

    try:
        if stored := read_stored(run, weights, "val"):
            return stored, "stored"
    except LabError as error:
        say(str(error))
    prediction = Prediction(name_file(run, weights), "val")
    found = check_predicted(*prediction.result(), run.spec.data.num_classes)
    if differs := explain_difference(run, weights, float(found.correct.mean())):
        say(f"Predicted again from the checkpoint: {differs}.")
    return found, "checkpoint"


def _measure(predicted: Predicted, temperature: float | None, source: str) -> dict[str, Any]:
    from core.examine.predictions import measure_reliability, work_out
    from core.stats.scores import mean_over_classes

    figures = work_out(predicted)
    before, after = measure_reliability(predicted), temperature and measure_reliability(predicted, temperature)
    return {
        "source": source,
        "images": figures.accuracy.num_images,
        "accuracy": figures.accuracy.value,
        "accuracy_interval": [figures.accuracy.interval.low, figures.accuracy.interval.high],
        "loss": figures.loss,
        "top": {str(k): share for k, share in figures.top.items()},
        "ece": before.ece,
        "ece_scaled": after.ece if after else None,
        "loss_scaled": after.nll if after else None,
        **{key: getattr(figures.classes, key).tolist() for key in ("precision", "recall", "f1", "support")},
        "means": asdict(mean_over_classes(figures.classes)),
        "confusion": figures.matrix.tolist(),
    }


def _print(
    run_id: str,
    label: str,
    classes: list[str],
    found: dict[str, Any],
    names: tuple[str, ...] = ("validation", "test"),
    by_class: str = "",
) -> None:
    splits = {name: found[name] for name in names if found[name]}
    by_class = by_class or next(iter(splits))
    part = found[by_class]

    def row(label: str, key: str, show: Callable[[Any], str] = format_percent) -> tuple[str, ...]:
        return label, *[show(one[key]) for one in splits.values()]

    rows = [
        row("images", "images", "{:,}".format),
        row("accuracy", "accuracy"),
        row("95 % interval", "accuracy_interval", lambda bounds: f"{100 * bounds[0]:.2f} to {100 * bounds[1]:.2f}"),
        *[(f"top-{k}", *[format_percent(one["top"][k]) for one in splits.values()]) for k in part["top"] if k != "1"],
        *[
            (f"mean {name}", *[format_percent(one["means"][name.lower()]) for one in splits.values()])
            for name in _MEANS
        ],
        row("loss", "loss", format_number),
        row("calibration error", "ece"),
        *([row(f"... at temperature {found['temperature']:.3f}", "ece_scaled")] if found["temperature"] else []),
    ]
    print_facts([("run", run_id), ("weights", label)])
    print()
    print_table(("", *splits), rows, right=list(splits))
    print()
    columns = (f"class, on {by_class}", "precision", "recall", "F1", "images")
    table = zip(classes, part["precision"], part["recall"], part["f1"], part["support"], strict=True)
    # What nothing defines is NaN: a class that was never predicted has no precision.
    rows = [(name, *[format_percent(value) for value in shares], f"{n:,}") for name, *shares, n in table]
    print_table(columns, rows, right=columns[1:])
    for name, one in splits.items():
        if absent := [label for label, images in zip(classes, one["support"], strict=True) if not images]:
            typer.echo(f"Without {name} images, and so no part of the means: {', '.join(absent)}.")
