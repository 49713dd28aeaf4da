"""A training is given up while it is ill beyond help and no better than guessing, and no healthy one ever is."""

import math

import numpy as np

from benchmarks.doctor import measure_verdicts
from core.doctor.diagnose import diagnose
from core.doctor.observed import Observed
from core.doctor.verdict import PATIENCE_EPOCHS, Verdict, give_up
from tests.core.doctor.watched import spec_of, watch

LONG = spec_of(train={"epochs": 20})


def judge(observed: Observed) -> Verdict | None:
    return give_up(observed, diagnose(observed))


def test_a_loss_that_stays_above_guessing_is_given_up_after_three_epochs() -> None:
    losses = [9.0, 7.0, 5.0, 6.0]
    assert judge(watch(LONG, train_loss=losses[: PATIENCE_EPOCHS - 1])) is None
    verdict = judge(watch(LONG, train_loss=losses))
    assert verdict is not None
    assert verdict.finding.rule.name == "rate_too_high"
    assert verdict.told.startswith("The learning rate is too high: Mean training loss of epoch 1 is 9.00;")
    assert verdict.told.endswith("After 4 epochs the training loss is 6.00; guessing costs 2.30.")


def test_one_that_recovers_is_not_given_up_for_what_was() -> None:
    observed = watch(LONG, train_loss=[9.0, 7.0, 5.0, 1.0])
    assert [finding.rule.name for finding in diagnose(observed).findings] == ["rate_too_high"]
    assert judge(observed) is None


def test_what_has_ended_or_lacks_figures_is_not_given_up() -> None:
    assert judge(watch(LONG, state="stopped", train_loss=[9.0] * 4)) is None
    assert judge(watch(train_loss=[9.0] * 4)) is None, "all of its epochs are done"
    assert judge(watch(LONG, train_loss=[])) is None


def test_a_loss_that_is_no_number_is_told_so() -> None:
    verdict = judge(watch(LONG, train_loss=[9.0, math.nan, math.nan, np.nan]))
    assert verdict is not None
    assert "the training loss is no number" in verdict.told


def test_of_recorded_trainings_the_hopeless_are_given_up_and_no_healthy_one() -> None:
    found = measure_verdicts()
    assert found.healthy == 40
    assert found.healthy_given_up == 0
    assert found.given_up >= 0.5 * found.hopeless
