"""Lines are smoothed as the textbook says, and thinned without losing what they show."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.charts.lines import smooth, thin


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=60), st.floats(0.01, 0.99))
def test_smoothing_is_the_debiased_average_of_the_textbook(values: list[float], weight: float) -> None:
    mean, expected = 0.0, []
    for step, value in enumerate(values, start=1):
        mean = weight * mean + (1 - weight) * value
        expected.append(mean / (1 - weight**step))
    assert smooth(pd.Series(values), weight).tolist() == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_smoothing_at_its_ends_is_the_raw_line_and_the_running_mean() -> None:
    values = pd.Series([1.0, 2.0, 6.0])
    assert smooth(values, 0).tolist() == [1.0, 2.0, 6.0]
    assert smooth(values, 1).tolist() == [1.0, 1.5, 3.0]


def test_a_gap_stays_a_gap_and_spoils_nothing_after_it() -> None:
    smoothed = smooth(pd.Series([1.0, np.nan, 1.0]), 0.5)
    assert math.isnan(smoothed[1])
    assert smoothed[2] == pytest.approx(1.0)


@given(st.integers(0, 5000), st.integers(4, 500), st.integers(0, 2**32 - 1))
def test_thinning_keeps_ends_and_extremes_in_order(count: int, points: int, seed: int) -> None:
    values = np.random.default_rng(seed).standard_normal(count, dtype=np.float32)
    kept = thin(values, points)
    assert len(kept) <= max(points, 4)
    assert (np.diff(kept) > 0).all()
    if count:
        assert {0, count - 1} <= set(kept)
        assert values[kept].max() == values.max()
        assert values[kept].min() == values.min()
