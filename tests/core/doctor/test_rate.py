"""Rules about the rate say what the curve shows, in its numbers."""

import numpy as np
import pytest

from core.compare.lines import Mark
from core.doctor.rate import (
    lack_smooth_end,
    measure_bend,
    see_ends_early,
    see_plateau,
    see_too_high,
    see_too_low,
)
from tests.core.doctor.watched import recorded, spec_of, watch


def test_a_loss_above_guessing_is_told_with_its_epoch_and_a_tenth_of_the_rate() -> None:
    observed = watch(spec_of(train={"epochs": 5, "learning_rate": 0.3}), train_loss=[2.2, 3.1, 2.0, 1.5, 1.2])
    found = see_too_high(observed)
    assert found is not None
    assert "epoch 2 is 3.10; guessing costs 2.30" in found.evidence
    assert found.marks == (Mark("train/loss", 2),)
    assert found.fixes[0].values == {"train.learning_rate": 0.03}
    assert see_too_high(watch(train_loss=[2.2, 1.5, 1.4, 1.45])) is None


def test_a_jump_up_is_told_with_the_lowest_before_it() -> None:
    found = see_too_high(watch(train_loss=[1.0, 0.5, 1.2, 0.6]))
    assert found is not None
    assert "rose from 0.50 to 1.20 in epoch 3" in found.evidence


def test_a_slow_straight_line_is_too_low_a_rate_but_a_bent_one_is_not() -> None:
    rate = np.full(6, 1e-5)
    found = see_too_low(watch(train_loss=2.31 - 0.01 * np.arange(6), learning_rate=rate))
    assert found is not None
    assert found.fixes[0].values == {"train.learning_rate": 0.01}  # ten times that of the spec
    assert see_too_low(watch(train_loss=[2.3, 1.9, 1.7, 1.6, 1.55, 1.52], learning_rate=rate)) is None
    assert see_too_low(watch(train_loss=np.full(6, 2.302), learning_rate=rate)) is None  # dead, not slow


def test_a_plateau_needs_one_rate_and_two_flat_losses() -> None:
    flat = [2.0, 1.5, 1.2, 1.0, 0.9, 0.8, *[0.8] * 8]
    right = np.full(14, 0.8)
    at_one_rate = {"val_loss": flat, "train_loss": flat, "train_accuracy": right, "learning_rate": np.full(14, 0.1)}
    found = see_plateau(watch(**at_one_rate))
    assert found is not None
    assert {"train.schedule": "cosine"} in [fix.values for fix in found.fixes]
    assert see_plateau(watch(**at_one_rate | {"learning_rate": np.linspace(0.1, 0, 14)})) is None
    assert see_plateau(watch(**at_one_rate | {"train_loss": np.linspace(2, 0.5, 14)})) is None


def test_a_schedule_ends_early_where_its_curve_has_not_bent() -> None:
    straight = {"train_loss": [2.0, 1.7, 1.4, 1.1], "val_loss": [2.0, 1.7, 1.4, 1.1], "learning_rate": np.full(4, 0.1)}
    assert measure_bend(watch(**straight), "val/loss") == pytest.approx(1, abs=0.01)
    assert measure_bend(watch(train_loss=[0.2, 0.1, 0.1, 0.1]), "train/loss") == 0
    assert measure_bend(watch(train_loss=[2.4]), "train/loss") == 0
    found = see_ends_early(watch(spec_of(train={"epochs": 4, "schedule": "constant"}), **straight))
    assert found is not None
    assert found.fixes[0].values == {"train.epochs": 12}
    assert see_ends_early(watch(spec_of(train={"epochs": 9}), **straight)) is None  # not over
    assert see_ends_early(watch(**straight | {"val_loss": [2.0, 1.5, 1.0, 1.2]})) is None
    assert lack_smooth_end(watch(spec_of(train={"epochs": 4, "schedule": "step"}), **straight))


@pytest.mark.parametrize(
    ("illness", "look"),
    [
        ("rate_too_high", see_too_high),
        ("rate_too_low", see_too_low),
        ("plateau", see_plateau),
        ("ends_early", see_ends_early),
    ],
)
def test_recorded_trainings_are_seen(illness: str, look: object) -> None:
    assert all(look(recording.observed) for recording in recorded(illness))  # type: ignore[operator]
