"""Lines before they are drawn: smoothed, and thinned to what a screen can show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

MAX_POINTS = 1000


def smooth(values: pd.Series, weight: float) -> pd.Series:
    """Exponential moving average without the pull towards its start (Kingma & Ba 2015, section 3).

    `weight` is the share of the former average kept: 0 gives the values back, 1 their running mean. Gaps stay gaps.
    """
    if weight <= 0:
        return values
    mean = values.expanding().mean() if weight >= 1 else values.ewm(alpha=1 - weight, ignore_na=True).mean()
    return mean.where(values.notna())


def thin(values: npt.NDArray[np.float32], points: int = MAX_POINTS) -> npt.NDArray[np.intp]:
    """Indices of at most `points` values that draw the same line: of every stretch the extremes, and both ends.

    Gaps of a single value may close when a line is thinned.
    """
    if len(values) <= points:
        return np.arange(len(values))
    size = -(-(len(values) - 2) // max(1, (points - 2) // 2))
    inner = np.full(-(-(len(values) - 2) // size) * size, np.nan, np.float32)
    inner[: len(values) - 2] = values[1:-1]
    stretches = inner.reshape(-1, size)  # (stretches, size); a gap is neither lowest nor highest
    lowest = np.where(np.isnan(stretches), np.inf, stretches).argmin(1)
    highest = np.where(np.isnan(stretches), -np.inf, stretches).argmax(1)
    firsts = 1 + size * np.arange(len(stretches))
    return np.unique(np.concatenate([[0, len(values) - 1], firsts + lowest, firsts + highest]))
