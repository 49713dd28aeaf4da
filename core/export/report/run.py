"""The report of one run: its curves, confusions, confidence and history, and its network layer by layer."""

from __future__ import annotations

from typing import Any

from core.charts.palette import pick_ink
from core.compare.curves import draw_curves
from core.compare.lines import CurveMetric, CurveView, find_measured
from core.compare.snapshot import ComparedRun
from core.compare.units import make_units
from core.examine.charts import draw_changes, draw_matrix, draw_reliability
from core.examine.history import read_history
from core.examine.predictions import (
    SPLITS,
    Predicted,
    Split,
    explain_means,
    explain_temperature,
    measure_reliability,
    name_classes,
    read_stored,
    work_out,
)
from core.examine.weights import ExamineError, Weights, find_weights, require_sound
from core.export.report.parts import Chart, Table, make_chart
from core.runs.folder import Run
from core.runs.results import list_costs
from core.stats.calibration import fit_temperature
from core.text.formats import UNKNOWN, format_count, format_percent
from core.text.safe import JOINERS, plain

_METRICS: tuple[CurveMetric, ...] = ("loss", "accuracy", "learning_rate", "images_per_second", "use", "memory")


def report_run(run: Run, compared: ComparedRun, card: dict[str, Any]) -> dict[str, Any]:
    """Reads what the run's folder holds. Nothing is predicted anew, so this needs neither torch nor the images."""
    classes, missing = None, ""
    try:
        require_sound(run)
        classes = _report_classes(run)
    except ExamineError as error:
        missing = str(error)
    return {
        "card": card,
        "costs": Table(("", ""), list_costs(run, run.summary())),
        "curves": _draw_curves(compared, run.file_stem),
        "layers": None if compared.tool else _list_layers(compared),
        "classes": classes,
        "classes_missing": missing,
        "history": None if compared.tool else _draw_history(run),
    }


def _draw_curves(compared: ComparedRun, file_stem: str) -> tuple[Chart, ...]:
    units = make_units([compared], fold=False)
    measured = find_measured(units)
    return tuple(
        make_chart(
            draw_curves(metric, units, CurveView(best=True)),
            f"{file_stem}-{metric}",
            300 if metric in ("loss", "accuracy") else 220,
        )
        for metric in _METRICS
        if metric in measured
    )


def _list_layers(compared: ComparedRun) -> Table:
    """The network part by part; only block layers have blocks, filters and strides."""
    layers = compared.spec.model.layers
    blank = [""] * 4
    own = [[str(layer.blocks), str(layer.filter_size), str(layer.skip_kernel), str(layer.stride)] for layer in layers]
    rows = [
        [
            cost.name.capitalize(),
            *shape,
            f"{cost.channels:,}",
            f"{cost.map_size} × {cost.map_size}",
            f"{cost.parameters:,}",
            format_count(cost.multiply_adds),
        ]
        for cost, shape in zip(compared.cost.layers, [blank, *own, blank], strict=True)
    ]
    total = compared.cost
    rows.append(["All", *blank, "", "", f"{total.parameters:,}", format_count(total.multiply_adds)])
    heads = ("Part", "Blocks", "Filter", "Skip kernel", "Stride", "Channels", "Map", "Parameters", "Multiply-adds")
    return Table(heads, rows)


def _draw_history(run: Run) -> Chart | None:
    """What was learnt and forgotten; None if the run kept no predictions of its epochs."""
    try:
        history = read_history(run)
    except ExamineError:
        return None
    figure = draw_changes(run.id, pick_ink(run.id, run.about.colour), history, history.num_epochs)
    return Chart(figure.to_json(), "Learnt and forgotten", f"{run.file_stem}-changes", 260)


def _report_classes(run: Run) -> dict[str, Any]:
    """Confusions and confidence of the best-on-validation weights, on test if that was reached. Raises ExamineError."""
    weights = find_weights(run, "best")
    split, predicted = _read_predicted(run, weights)
    names = [plain(name, JOINERS) for name in name_classes(run)]
    figures = work_out(predicted)
    accuracy, classes = figures.accuracy, figures.classes
    low, high = 100 * accuracy.interval.low, 100 * accuracy.interval.high
    measured = f"(95 % interval {low:.2f} to {high:.2f}), {accuracy.num_images:,} {SPLITS[split].lower()} images"
    columns = zip(names, classes.precision, classes.recall, classes.f1, classes.support, strict=True)
    rows = [
        [name, *(format_percent(value, 1) for value in values), f"{support:,}"] for name, *values, support in columns
    ]
    temperature = _fit_temperature(run, weights)
    reliability, calibration = _draw_reliability(run, predicted, temperature)
    return {
        "heading": f"{SPLITS[split]} images, {weights.title[:1].lower()}{weights.title[1:]} weights",
        "accuracy": f"{format_percent(accuracy.value)} accuracy {measured}",
        "matrix": make_chart(draw_matrix(figures.matrix, names), f"{run.file_stem}-{split}-confusion", 460),
        "table": Table(("Class", "Precision", "Recall", "F1", "Images"), rows),
        "means": explain_means(classes, names),
        "reliability": reliability,
        "calibration": calibration,
        "explanation": explain_temperature(split, temperature) if temperature else "",
    }


def _read_predicted(run: Run, weights: Weights) -> tuple[Split, Predicted]:
    """Test if it was reached, else validation. Raises ExamineError with the reason if there is neither."""
    problem = ExamineError("No predictions of this run are stored.")
    splits: tuple[Split, ...] = ("test", "val")
    for split in splits:
        try:
            if (predicted := read_stored(run, weights, split)) is not None:
                return split, predicted
        except ExamineError as error:
            problem = error
    raise problem


def _fit_temperature(run: Run, weights: Weights) -> float | None:
    """Fitted on validation whatever split is shown; None if those predictions are not stored."""
    try:
        val = read_stored(run, weights, "val")
    except ExamineError:
        return None
    return fit_temperature(val.logits, val.labels) if val else None


def _draw_reliability(run: Run, predicted: Predicted, temperature: float | None) -> tuple[Chart, Table]:
    before = measure_reliability(predicted)
    after = measure_reliability(predicted, temperature) if temperature else None
    figure = draw_reliability(pick_ink(run.id, run.about.colour), before, after, temperature or 1.0)
    rows = [
        ["Expected calibration error", format_percent(before.ece), format_percent(after.ece) if after else UNKNOWN],
        ["Loss (cross-entropy)", f"{before.nll:.4f}", f"{after.nll:.4f}" if after else UNKNOWN],
    ]
    head = ("", "As trained", f"Temperature {temperature:.3f}" if temperature else "With temperature")
    return Chart(figure.to_json(), "Reliability", f"{run.file_stem}-reliability", 320), Table(head, rows)
