"""The lines of a comparison as numbers: of a run as they are, of a group of seeds their mean and spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from core.charts.lines import smooth
from core.compare.snapshot import ComparedRun
from core.compare.units import Unit

Axis = Literal["epoch", "step", "minutes"]
Spread = Literal["sd", "se"]
CurveMetric = Literal["accuracy", "loss", "learning_rate", "images_per_second", "use", "memory"]
FloatArray = npt.NDArray[np.float64]

SPREADS: dict[Spread, str] = {"sd": "standard deviation", "se": "standard error"}


@dataclass(frozen=True)
class Part:
    """One line of a run's chart: a column of its metrics, and what it is called."""

    column: str
    label: str
    dash: Literal["solid", "dash", "dot"] = "solid"

    @property
    def is_training(self) -> bool:
        return self.label.startswith("training")


@dataclass(frozen=True)
class Curve:
    """How one metric is drawn: its lines, and its numbers in d3's formats (the axis has its own with `ticks`).

    What training `improves` is smoothed, need not be drawn from zero, and has a best epoch.
    """

    title: str
    parts: tuple[Part, ...]
    number: str
    unit: str = ""
    ticks: str = ""
    can_log: bool = False
    improves: bool = False

    @property
    def main(self) -> Part:
        """The line that represents a run in the legend of several."""
        return next(part for part in self.parts if not part.is_training)


def part_by_step(curve: Curve) -> Part | None:
    """The line of what a run notes within its epochs, if there is one in this chart."""
    training = next((part for part in curve.parts if part.is_training), None)
    return training and Part(training.column, "training, by step")


def _splits(metric: str) -> tuple[Part, Part]:
    return Part(f"train/{metric}", "training", "dash"), Part(f"val/{metric}", "validation")


CURVES: dict[CurveMetric, Curve] = {
    "accuracy": Curve("Accuracy", _splits("accuracy"), ".2%", improves=True),
    "loss": Curve("Loss", _splits("loss"), ".4f", can_log=True, improves=True),
    "learning_rate": Curve("Learning rate", (Part("learning_rate", "learning rate"),), ".3g", can_log=True),
    "images_per_second": Curve("Images per second", (Part("images_per_second", "images/s"),), ",.0f"),
    "use": Curve(
        "Device use",
        (Part("system/cpu_percent", "CPU, of one core"), Part("system/gpu_percent", "GPU", "dot")),
        ".0f",
        unit=" %",
        ticks="d",
    ),
    "memory": Curve(
        "Memory",
        (Part("system/memory_bytes", "process"), Part("system/gpu_memory_bytes", "GPU", "dot")),
        ".3s",
        unit="B",
        ticks="~s",
    ),
}


@dataclass(frozen=True)
class Mark:
    """A point to be seen: the value of a column after an epoch, and what is said of it.

    `run` is the id of the run that is meant where several are drawn.
    """

    column: str
    epoch: int
    label: str = ""
    run: str = ""


@dataclass(frozen=True)
class Fan:
    """Where a column will be after `until` epochs, seen from after `since`: an interval and its middle.

    `run` is the id of the run that is meant where several are drawn.
    """

    column: str
    since: int
    until: float
    low: float
    middle: float
    high: float
    run: str = ""


@dataclass(frozen=True)
class CurveView:
    """How curves are shown.

    `training` draws the dashed lines too, `clip` leaves outliers out of the frame, `best` rings each run's best epoch,
    `marks` are points of a run's line, `fans` forecasts of it, drawn over epochs; of several runs that are drawn, those
    that they name have them.
    """

    x: Axis = "epoch"
    smoothing: float = 0.0
    log: bool = False
    training: bool = True
    clip: bool = False
    spread: Spread = "sd"
    best: bool = False
    marks: tuple[Mark, ...] = ()
    fans: tuple[Fan, ...] = ()


@dataclass(frozen=True)
class Line:
    """One line to draw, (points,) each; `low` and `high` bound the band of a group if its spread is known."""

    unit: Unit
    part: Part
    x: FloatArray
    y: FloatArray
    raw: FloatArray | None = None
    low: FloatArray | None = None
    high: FloatArray | None = None
    count: FloatArray | None = None  # seeds behind each point


def find_measured(units: Sequence[Unit]) -> list[CurveMetric]:
    """The metrics of which any of the runs has a number."""
    return [
        metric for metric, curve in CURVES.items() if any(_has(unit, part) for unit in units for part in curve.parts)
    ]


def _has(unit: Unit, part: Part) -> bool:
    return any(not np.isnan(run.column(part.column)).all() for run in unit.seeds)


def make_line(unit: Unit, part: Part, curve: Curve, view: CurveView) -> Line | None:
    """A run's line as it is; of a group the mean at every epoch, with the spread of its seeds."""
    if not _has(unit, part):
        return None
    weight = view.smoothing if curve.improves else 0.0
    column, runs = part.column, [run for run in unit.seeds if run.rows]
    if len(runs) == 1:
        raw = runs[0].column(column)
        y = _smooth(raw, weight)
        return Line(unit, part, _x_of(runs[0], view.x), y, raw if weight else None)
    epochs = np.unique(np.concatenate([run.column("epoch") for run in runs]))
    epochs = epochs[~np.isnan(epochs)]
    # Smoothed first, so that the band is the spread of the lines as they would be drawn.
    values = np.stack([_align(run, _smooth(run.column(column), weight), epochs) for run in runs])  # (seeds, epochs)
    x = _mean(np.stack([_align(run, _x_of(run, view.x), epochs) for run in runs]))
    count, mean = (~np.isnan(values)).sum(0).astype(float), _mean(values)
    low = high = None
    if not part.is_training:
        reach = _spread(values, mean, count, view.spread)
        low, high = mean - reach, mean + reach
    return Line(unit, part, x, mean, None, low, high, count)


def leave_out_before(line: Line, epoch: int) -> Line:
    """Without the epochs that are another line's too; that epoch itself stays, so that the lines meet."""
    if not epoch:
        return line
    before = line.unit.first.column("epoch") < epoch
    raw = None if line.raw is None else np.where(before, np.nan, line.raw)
    return replace(line, y=np.where(before, np.nan, line.y), raw=raw)


def _smooth(values: FloatArray, weight: float) -> FloatArray:
    if weight <= 0:
        return values
    import pandas as pd  # what a worker, whose doctor marks epochs, need not wait for

    return smooth(pd.Series(values), weight).to_numpy()


def _x_of(run: ComparedRun, axis: Axis) -> FloatArray:
    if axis == "minutes":
        return run.column("seconds") / 60
    values = run.column(axis)
    # Of a damaged run the spec may be gone, and the curves are there.
    if axis == "epoch" and not run.tool and run.state != "damaged" and run.spec.train.last_epoch < 1:
        # A last epoch of half the images ends after half an epoch.
        return np.where(values == run.spec.train.epochs, run.spec.train.passes, values)
    return values


def _align(run: ComparedRun, values: FloatArray, epochs: FloatArray) -> FloatArray:
    """The values at these epochs, NaN if the run has not got there (or an epoch's line is missing)."""
    aligned = np.full(len(epochs), np.nan)
    own = run.column("epoch")
    known = ~np.isnan(own)
    aligned[np.searchsorted(epochs, own[known])] = values[known]
    return aligned


def _mean(values: FloatArray) -> FloatArray:
    """Over the seeds that have a value, (seeds, epochs) -> (epochs,)."""
    known = ~np.isnan(values)
    count = known.sum(0)
    return np.where(count > 0, np.where(known, values, 0).sum(0) / np.maximum(count, 1), np.nan)


def _spread(values: FloatArray, mean: FloatArray, count: FloatArray, spread: Spread) -> FloatArray:
    """Sample standard deviation over the seeds, or the standard error of their mean; NaN if one seed is left."""
    squares = np.where(np.isnan(values), 0, (values - mean) ** 2).sum(0)
    deviation = np.sqrt(np.where(count > 1, squares / np.maximum(count - 1, 1), np.nan))
    return deviation / np.sqrt(np.maximum(count, 1)) if spread == "se" else deviation


def find_fences(lines: Sequence[FloatArray]) -> tuple[float, float] | None:
    """Tukey's (1977) fences, 1.5 interquartile ranges beyond the quartiles of all points; None without a spread."""
    values = np.concatenate(lines) if lines else np.empty(0)
    values = values[~np.isnan(values)]
    if len(values) < 8:
        return None
    lower, upper = np.quantile(values, (0.25, 0.75))
    reach = 1.5 * (upper - lower)
    inside = values[(values >= lower - reach) & (values <= upper + reach)]
    return (float(inside.min()), float(inside.max())) if reach > 0 and len(inside) < len(values) else None
