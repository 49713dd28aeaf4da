"""The lines of a comparison as numbers: of a run as they are, of a group of seeds their mean and spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.charts.lines import smooth
from core.compare.snapshot import ComparedRun
from core.compare.units import Unit

Axis = Literal["epoch", "step", "minutes"]
Spread = Literal["sd", "se"]
CurveMetric = Literal["accuracy", "loss", "learning_rate", "images_per_second"]
FloatArray = npt.NDArray[np.float64]

SPREADS: dict[Spread, str] = {"sd": "standard deviation", "se": "standard error"}


@dataclass(frozen=True)
class Curve:
    """How one metric is drawn: the columns of its two splits, its title and number format."""

    title: str
    val: str
    train: str
    number: str
    can_log: bool = False
    smooths: bool = True


CURVES: dict[CurveMetric, Curve] = {
    "accuracy": Curve("Accuracy", "val/accuracy", "train/accuracy", ".2%"),
    "loss": Curve("Loss", "val/loss", "train/loss", ".4f", can_log=True),
    "learning_rate": Curve("Learning rate", "learning_rate", "", ".3g", can_log=True, smooths=False),
    "images_per_second": Curve("Images per second", "images_per_second", "", ",.0f", smooths=False),
}


@dataclass(frozen=True)
class CurveView:
    """How curves are looked at; `training` draws the dashed lines too, `clip` leaves outliers out of the frame."""

    x: Axis = "epoch"
    smoothing: float = 0.0
    log: bool = False
    training: bool = True
    clip: bool = False
    spread: Spread = "sd"


@dataclass(frozen=True)
class Line:
    """One line to draw, (points,) each; `low` and `high` bound the band of a group where its spread is known."""

    unit: Unit
    column: str
    x: FloatArray
    y: FloatArray
    raw: FloatArray | None = None
    low: FloatArray | None = None
    high: FloatArray | None = None
    count: FloatArray | None = None  # seeds behind each point

    @property
    def is_training(self) -> bool:
        return self.column.startswith("train/")


def make_line(unit: Unit, column: str, curve: Curve, view: CurveView) -> Line | None:
    """A run's line as it is; of a group the mean at every epoch, with the spread of its seeds."""
    weight = view.smoothing if curve.smooths else 0.0
    runs = [run for run in unit.seeds if len(run.rows)]
    if not runs or all(np.isnan(run.column(column)).all() for run in runs):
        return None
    if len(runs) == 1:
        raw = runs[0].column(column)
        y = _smooth(raw, weight)
        return Line(unit, column, _x_of(runs[0], view.x), y, raw if weight else None)
    epochs = np.unique(np.concatenate([run.column("epoch") for run in runs]))
    epochs = epochs[~np.isnan(epochs)]
    # Smoothed first, so that the band is the spread of the lines as they would be drawn.
    values = np.stack([_align(run, _smooth(run.column(column), weight), epochs) for run in runs])  # (seeds, epochs)
    places = np.stack([_align(run, _x_of(run, view.x), epochs) for run in runs])
    count = (~np.isnan(values)).sum(0).astype(float)
    mean, x = _mean(values), _mean(places)
    low = high = None
    if not column.startswith("train/"):
        reach = _spread(values, mean, count, view.spread)
        low, high = mean - reach, mean + reach
    return Line(unit, column, x, mean, None, low, high, count)


def _smooth(values: FloatArray, weight: float) -> FloatArray:
    return smooth(pd.Series(values), weight).to_numpy() if weight > 0 else values


def _x_of(run: ComparedRun, axis: Axis) -> FloatArray:
    return run.column("seconds") / 60 if axis == "minutes" else run.column(axis)


def _align(run: ComparedRun, values: FloatArray, epochs: FloatArray) -> FloatArray:
    """The values at these epochs, NaN where the run has not been (or an epoch's line is missing)."""
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
    """Sample standard deviation over the seeds, or the standard error of their mean; NaN where one seed is left."""
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
