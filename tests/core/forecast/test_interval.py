"""Intervals hold as often as they say, whatever the residuals are of."""

import numpy as np
import pytest

from core.forecast.extrapolate import Outlook
from core.forecast.interval import CONFIDENCE, FIGURES, chance_above, cover, make_interval, residual

ACCURACY, LOSS = FIGURES


@pytest.mark.parametrize("count", [10, 39, 200])
def test_the_next_end_lies_inside_in_at_least_so_many_cases(count: int) -> None:
    dice = np.random.default_rng(count)
    held = []
    for _ in range(2000):
        ends = dice.standard_t(3, count + 1) * 0.05 + 0.5  # heavy tails
        outlook = Outlook(0.45, 0.02)
        residuals = np.array([residual(outlook, end) for end in ends[:-1]])
        interval = make_interval(outlook, residuals, LOSS)
        held.append(interval.low <= ends[-1] <= interval.high)
    assert CONFIDENCE - 0.03 < np.mean(held) < CONFIDENCE + 0.12


def test_an_accuracy_is_a_share() -> None:
    interval = make_interval(Outlook(0.98, 0.05), np.linspace(-3, 3, 20), ACCURACY)
    assert interval.high == 1.0
    assert 0 < interval.low < interval.middle < interval.high
    assert interval.width == pytest.approx(1 - interval.low)


def test_the_chance_is_never_quite_none_or_all() -> None:
    outlook, residuals = Outlook(0.5, 0.1), np.linspace(-1, 1, 18)
    assert chance_above(outlook, residuals, 0.9) == pytest.approx(1 / 20)
    assert chance_above(outlook, residuals, 0.1) == pytest.approx(19 / 20)
    assert chance_above(outlook, residuals, 0.5) == pytest.approx(0.5)


def test_coverage_is_of_each_by_the_others() -> None:
    ends = np.array([0.5] * 19 + [0.9])
    covered = cover([Outlook(0.5, 0.01)] * 20, ends, ACCURACY)
    assert covered.sum() == 19
    assert covered[-1] == 0
