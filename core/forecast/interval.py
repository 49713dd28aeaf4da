"""From an expected end to an interval: by how much such expectations were off in trainings that have ended.

Split conformal prediction with normalised residuals (Lei et al. 2018, arXiv:1604.04173): the residuals of past
trainings at the same point, each as a multiple of its own scale, say how far ours may be off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.forecast.extrapolate import FloatArray, Outlook

CONFIDENCE = 0.8
LEAST_PAST = 10


@dataclass(frozen=True)
class Figure:
    """What is forecast: its column, the least scale of its spread, and the ends of what it can be."""

    column: str
    floor: float
    low: float
    high: float


FIGURES = (Figure("val/accuracy", 0.01, 0.0, 1.0), Figure("val/loss", 0.03, 0.0, math.inf))


@dataclass(frozen=True)
class Interval:
    """Where a curve ends in 80 % of cases, and its middle."""

    low: float
    middle: float
    high: float

    @property
    def width(self) -> float:
        return self.high - self.low


def residual(outlook: Outlook, end: float) -> float:
    """By how many of its scales an expectation was too low."""
    return (end - outlook.centre) / outlook.scale


def make_interval(outlook: Outlook, residuals: FloatArray, figure: Figure) -> Interval:
    """The interval by these residuals of other trainings, (trainings,), at least one."""
    ordered, count = np.sort(residuals), len(residuals)
    # The finite-sample correction: of n residuals and one more, the next to come is as likely in any of n + 1 gaps.
    below = math.floor((count + 1) * (1 - CONFIDENCE) / 2)
    reach = (ordered[max(below - 1, 0)], float(np.median(ordered)), ordered[min(count - below, count - 1)])
    low, middle, high = (min(max(outlook.centre + r * outlook.scale, figure.low), figure.high) for r in reach)
    return Interval(low, middle, high)


def spread_ends(outlook: Outlook, residuals: FloatArray, figure: Figure) -> FloatArray:
    """Where a training may end, (trainings,): as far from what was expected as each of the others did."""
    return np.clip(outlook.centre + residuals * outlook.scale, figure.low, figure.high)


def chance_above(outlook: Outlook, residuals: FloatArray, value: float) -> float:
    """How likely the end is above a value: the share of residuals that would bring it there, never quite 0 or 1."""
    needed = (value - outlook.centre) / outlook.scale
    return (float((residuals > needed).sum()) + 1) / (len(residuals) + 2)


def cover(outlooks: Sequence[Outlook], ends: FloatArray, figure: Figure) -> FloatArray:
    """Whether each end lay within the interval by the residuals of the others, (trainings,) of 0 and 1."""
    residuals = np.array([residual(outlook, end) for outlook, end in zip(outlooks, ends, strict=True)])
    inside = []
    for index, (outlook, end) in enumerate(zip(outlooks, ends, strict=True)):
        interval = make_interval(outlook, np.delete(residuals, index), figure)
        inside.append(interval.low <= end <= interval.high)
    return np.array(inside, float)
