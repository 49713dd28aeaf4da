"""The figures of a comparison: what each is called, which way is better, its value for a run or a group of seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from core.compare.fields import find_field, label_field
from core.compare.snapshot import ComparedRun, finite
from core.compare.units import Unit

if TYPE_CHECKING:
    from core.stats.significance import Summary

Pick = Literal["best", "last", "min", "max"]
Kind = Literal["share", "loss", "count", "rate", "minutes", "number"]
Better = Literal["high", "low", ""]
PICKS: dict[Pick, str] = {"best": "Best", "last": "Last", "min": "Lowest", "max": "Highest"}


@dataclass(frozen=True)
class Figure:
    """One figure of a run: `better` says which way is better, empty if neither is."""

    key: str
    label: str
    help: str
    kind: Kind
    better: Better = ""
    by_epoch: bool = False  # one value an epoch, of which Best, Last, Lowest or Highest is picked

    def label_of(self, pick: Pick) -> str:
        return f"{PICKS[pick]} {self.label}" if self.by_epoch else self.label


_VIEWS = "The same with test-time augmentation: mirrored (and shifted) copies judged together"
FIGURES = (
    Figure("val/accuracy", "val. accuracy", "Accuracy on the validation images", "share", "high", True),
    Figure("val/loss", "val. loss", "Cross-entropy on the validation images", "loss", "low", True),
    Figure(
        "test/accuracy", "Test acc., last weights", "Accuracy on the test images with the last weights", "share", "high"
    ),
    Figure(
        "test/accuracy_best",
        "Test acc., best weights",
        "Accuracy on the test images with the weights of the epoch that was best on validation",
        "share",
        "high",
    ),
    Figure("parameters", "Parameters", "Weights that are trained", "count", "low"),
    Figure("multiply_adds", "Multiply-adds", "For one image forward", "count", "low"),
    Figure("images_per_second", "Images/s", "Median over the epochs, in training", "rate", "high"),
    Figure("minutes", "Minutes", "Time spent training", "minutes", "low"),
    Figure("train/accuracy", "train. accuracy", "Accuracy on the augmented training images", "share", "high", True),
    Figure("train/loss", "train. loss", "Loss on the augmented training images", "loss", "low", True),
    Figure("test/loss", "Test loss, last weights", "Cross-entropy on the test images", "loss", "low"),
    Figure("test/loss_best", "Test loss, best weights", "Cross-entropy on the test images", "loss", "low"),
    Figure("test/accuracy_views", "Test acc., last weights, views", _VIEWS, "share", "high"),
    Figure("test/accuracy_best_views", "Test acc., best weights, views", _VIEWS, "share", "high"),
    Figure("epochs", "Epochs done", "Passes over the training images", "count"),
)
BY_KEY = {figure.key: figure for figure in FIGURES}
SHOWN = tuple(figure.key for figure in FIGURES[:8])


def find_figure(key: str) -> Figure:
    """The figure of this key, or of the field at this path, as `train.learning_rate`. Raises KeyError."""
    return BY_KEY.get(key) or Figure(key, label_field(key), find_field(key).help, "number")


def value_of(run: ComparedRun, figure: Figure, pick: Pick = "best") -> float | None:
    """The figure of one run; None if the run has none (yet)."""
    match figure.key:
        case "parameters" | "multiply_adds" if run.tool:
            return None
        case "parameters":
            return float(run.cost.parameters)
        case "multiply_adds":
            return float(run.cost.multiply_adds)
        case "epochs":
            return float(len(run.rows))
        case "minutes":
            seconds = _known(run, "seconds")
            return float(seconds[-1]) / 60 if len(seconds) else None
        case "images_per_second":
            rates = _known(run, "images_per_second")
            return float(np.median(rates)) if len(rates) else None
    if figure.by_epoch:
        return _pick(_known(run, figure.key), pick, figure.better)
    return finite(run.results[figure.key] if figure.key in run.results else run.fields.get(figure.key))


def _known(run: ComparedRun, column: str) -> np.ndarray:
    values = run.column(column)
    return values[~np.isnan(values)]


def _pick(values: np.ndarray, pick: Pick, better: Better) -> float | None:
    if not len(values):
        return None
    if pick == "last":
        return float(values[-1])
    highest = pick == "max" or (pick == "best" and better == "high")
    return float(values.max() if highest else values.min())


def summary_of(unit: Unit, figure: Figure, pick: Pick = "best") -> Summary | None:
    """Mean and spread over the seeds that have the figure; None if none has."""
    from core.stats.significance import summarise  # brings scipy along, which the table of runs need not wait for

    values = [value for run in unit.seeds if (value := value_of(run, figure, pick)) is not None]
    return summarise(values) if values else None


def difference(figure: Figure, value: float, baseline: float) -> tuple[str, Better]:
    """How a value differs from the baseline's, in words, and whether it is better: "high" yes, "low" no, "" neither.

    Accuracies differ in points (1 point is 0.01), losses by their difference, sizes and times by a factor.
    """
    match figure.kind:
        case "share":
            text = f"{100 * (value - baseline):+.2f}"
        case "loss":
            text = f"{value - baseline:+.4f}"
        case "number":
            text = f"{value - baseline:+.4g}"
        case _:
            text = f"×{value / baseline:.3g}" if baseline > 0 else ""
    if text.strip("+-0.") == "" or text == "×1":
        return "", ""
    if not figure.better:
        return text, ""
    return text, "high" if (value > baseline) == (figure.better == "high") else "low"


def sort_units(units: Sequence[Unit], order: str, pick: Pick) -> list[Unit]:
    """By a figure's key, falling after a minus; units without the figure come last, an unknown key changes nothing."""
    key, falling = order.removeprefix("-"), order.startswith("-")
    if key == "name":
        return sorted(units, key=lambda unit: unit.name.casefold(), reverse=falling)
    if key not in BY_KEY:
        return list(units)
    means = {unit: summary.mean for unit in units if (summary := summary_of(unit, BY_KEY[key], pick))}
    known = sorted(means, key=lambda unit: means[unit], reverse=falling)
    return known + [unit for unit in units if unit not in means]
