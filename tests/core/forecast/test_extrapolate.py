"""A curve's end is found where the curve is one of the family, and nothing is claimed where little is known."""

import numpy as np
import pytest

from core.forecast.extrapolate import LEAST_EPOCHS, TRUST, extrapolate, spend_rates
from core.spec.schedule import LearningRate
from tests.core.doctor.watched import spec_of

EVEN = np.ones(20)


@pytest.mark.parametrize("power", [0.5, 1.0, 1.5])
def test_the_end_of_a_power_law_is_halfway_between_its_last_value_and_its_end(power: float) -> None:
    whole = 0.9 - 0.6 * np.arange(1.0, 21) ** -power
    outlook = extrapolate(whole[:10], EVEN, 0.001)
    assert outlook is not None
    assert outlook.centre == pytest.approx(whole[9] + TRUST * (whole[-1] - whole[9]), abs=0.003)


def test_a_flat_curve_stays_where_it_is_and_a_noisy_one_is_less_sure() -> None:
    flat = extrapolate(np.full(8, 0.7), EVEN, 0.01)
    noisy = extrapolate(0.7 + 0.05 * np.array([1, -1, 1, -1, 1, -1, 1, -1.0]), EVEN, 0.01)
    assert flat is not None
    assert noisy is not None
    assert flat.centre == pytest.approx(0.7)
    assert flat.scale == pytest.approx(0.01, abs=1e-3)
    assert noisy.scale > 5 * flat.scale


def test_few_epochs_and_gaps_tell_nothing() -> None:
    assert extrapolate(np.linspace(0.1, 0.2, LEAST_EPOCHS - 1), EVEN, 0.01) is None
    assert extrapolate(np.array([0.1, np.nan, 0.2, 0.3]), EVEN, 0.01) is None
    assert extrapolate(np.array([0.1, 0.15, 0.2, 0.3]), np.zeros(20), 0.01) is None


def test_rates_are_those_of_the_schedule() -> None:
    train = spec_of(train={"epochs": 6, "learning_rate": 0.1}).train
    rates = spend_rates(train, 10)
    assert rates.tolist() == [LearningRate(train, 10).at(10 * epoch + 5) for epoch in range(6)]
    assert rates[0] > rates[-1] > 0
    short = spec_of(train={"epochs": 6, "learning_rate": 0.1, "last_epoch": 0.4}).train
    rates = spend_rates(short, 10)
    assert rates[-1] == pytest.approx(0.4 * LearningRate(short, 10).at(52))  # the middle of four updates
