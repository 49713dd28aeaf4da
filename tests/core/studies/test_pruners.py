"""When trials end early: as Optuna's pruners have it, told before the start, and at once if a loss is no number."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from core.studies.pruners import ForecastPruner, describe_pruning, list_brackets, make_pruner, should_prune
from core.studies.runs import intermediate_value
from core.studies.spec import StudySpec
from tests.core.study_workers import tiny_study

ENDING = ["median", "hyperband", "halving", "patient", "forecast"]


def make_spec(pruner: str, epochs: int = 12, **more: Any) -> StudySpec:
    return tiny_study(pruner=pruner, train={"epochs": epochs, "warmup_epochs": 0.0}, **more)


def last_epoch(spec: StudySpec, values: Sequence[float], others: int = 0) -> int:
    """The epoch after which a trial with these values ends; `others` before it were at 1.0 all along."""
    study = optuna.create_study(pruner=make_pruner(spec), direction=spec.directions[0])
    for _ in range(others):
        trial = study.ask()
        for epoch in range(1, len(values) + 1):
            trial.report(1.0, epoch)
        study.tell(trial, 1.0)
    trial = study.ask()
    for epoch, value in enumerate(values, start=1):
        trial.report(value, epoch)
        if should_prune(spec, trial, value):
            return epoch
    return len(values)


@pytest.mark.parametrize("name", ENDING)
def test_no_pruner_ends_a_trial_within_its_warm_up(name: str) -> None:
    spec = tiny_study(pruner=name, pruner_warmup_epochs=3, train={"epochs": 12})
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0), pruner=make_pruner(spec))
    ended = []
    for number in range(30):
        trial = study.ask()
        for epoch in range(1, 13):
            # The later a trial, the worse, and the worse the longer it lasts.
            trial.report(number + epoch if number else 0.0, epoch)
            if trial.should_prune():
                ended.append(epoch)
                study.tell(trial, state=TrialState.PRUNED)
                break
        else:
            study.tell(trial, float(number))
    assert ended, "hopeless trials are pruned"
    assert min(ended) >= (3 if name in ("hyperband", "halving") else 4)


@pytest.mark.parametrize("name", [*ENDING, "none"])
def test_every_pruner_but_none_ends_a_trial_whose_loss_is_no_number_any_more(name: str) -> None:
    """Optuna's median and patient pruner go by the best value so far, which here is the best of all trials."""
    spec = make_spec(name, pruner_warmup_epochs=2)
    values = [0.2, 0.1, *[math.nan] * 10]
    assert last_epoch(spec, values, others=8) == (12 if name == "none" else 3)


def test_an_epoch_without_a_finite_loss_is_no_number_whatever_its_accuracy() -> None:
    spec = tiny_study(objectives=["val/accuracy"])
    good = {"val/accuracy": 0.5, "val/loss": 1.0, "train/loss": 1.0}
    assert intermediate_value(spec, good) == 0.5
    for gone in (math.nan, math.inf, None):
        for loss in ("val/loss", "train/loss"):
            assert math.isnan(intermediate_value(spec, {**good, loss: gone}) or 0.0)
    assert intermediate_value(spec, {}) is None
    assert intermediate_value(tiny_study(objectives=["val/accuracy", "parameters"]), good) is None


@pytest.mark.parametrize("patience", [1, 2, 5])
def test_a_patient_study_ends_what_stands_still_for_its_patience_and_keeps_what_improves(patience: int) -> None:
    spec = make_spec("patient", pruner_warmup_epochs=patience)
    assert last_epoch(spec, [0.5] * 12) == 1 + patience
    assert last_epoch(spec, [0.5, 0.4, *[0.4] * 10]) == 2 + patience
    assert last_epoch(spec, [1 / epoch for epoch in range(1, 13)]) == 12
    accuracy = make_spec("patient", pruner_warmup_epochs=patience, objectives=["val/accuracy"])
    assert last_epoch(accuracy, [epoch / 20 for epoch in range(1, 13)]) == 12
    assert last_epoch(accuracy, [0.5] * 12) == 1 + patience


@pytest.mark.parametrize(("epochs", "brackets"), [(2, 1), (5, 2), (10, 3), (20, 3), (40, 4), (81, 5), (243, 5)])
def test_hyperband_has_brackets_and_those_told_are_optunas(epochs: int, brackets: int) -> None:
    spec = make_spec("hyperband", epochs)
    told = list_brackets(spec)
    assert len(told) == brackets
    study = optuna.create_study(study_name="s", pruner=make_pruner(spec))
    number = 0
    for number in range(400):
        trial = study.ask()
        trial.report(float(number), 1)
        trial.should_prune()
    pruner = study.pruner
    counts = [0] * brackets
    for trial in study.get_trials(deepcopy=False):
        counts[pruner._get_bracket_id(study, trial)] += 1
    assert [count / 400 for count in counts] == pytest.approx([bracket.share for bracket in told], abs=0.08)
    for index, bracket in enumerate(told):
        assert bracket.rungs == tuple(3**rung for rung in range(index, 9) if 3**rung < epochs)


def test_a_trial_is_judged_at_the_rungs_of_its_bracket_and_nowhere_else() -> None:
    spec = make_spec("hyperband", 20)
    study = optuna.create_study(study_name="rungs", pruner=make_pruner(spec))
    seen: dict[int, set[int]] = {0: set(), 1: set(), 2: set()}
    for number in range(60):
        trial = study.ask()
        for epoch in range(1, 20):
            # The later a trial, the worse, so that it ends at the first rung it comes to.
            trial.report(float(number), epoch)
            if trial.should_prune():
                bracket = study.pruner._get_bracket_id(study, study.get_trials(deepcopy=False)[number])
                seen[bracket].add(epoch)
                study.tell(trial, state=TrialState.PRUNED)
                break
        else:
            study.tell(trial, float(number))
    told = list_brackets(spec)
    assert all(epochs <= set(bracket.rungs) for epochs, bracket in zip(seen.values(), told, strict=True))
    assert all(bracket.rungs[0] in epochs for epochs, bracket in zip(seen.values(), told, strict=True))


def test_the_forecast_ends_what_will_hardly_be_the_best_once_one_has_finished() -> None:
    spec = make_spec("forecast", 20)
    level = [1.0] * 20
    assert last_epoch(spec, level) == 20, "nobody has finished"
    assert last_epoch(spec, [2.0] * 20, others=1) < 10
    assert last_epoch(spec, [2.0, 1.5, *[0.9] * 18], others=1) == 20, "it is the best"
    falling = [3 * 0.8**epoch for epoch in range(1, 21)]
    assert last_epoch(spec, falling, others=1) == 20, "it will be"
    accuracy = make_spec("forecast", 20, objectives=["val/accuracy"])
    assert last_epoch(accuracy, [0.2] * 20, others=1) < 10
    waits = make_spec("forecast", 20, pruner_warmup_epochs=12)
    assert last_epoch(waits, [2.0] * 20, others=1) == 13


@pytest.mark.parametrize("finished", [1, 30])
def test_the_forecast_learns_from_finished_trials_how_far_off_it_is(finished: int) -> None:
    """They stand still until their last epochs: who has seen that often ends nobody who stands still."""
    spec = make_spec("forecast", 20)
    study = optuna.create_study(pruner=ForecastPruner(spec, lambda column, share: (np.zeros(72), 0.8, 72)))
    late = np.array([1.0] * 15 + [0.9, 0.7, 0.5, 0.3, 0.1])
    for number in range(finished):
        trial = study.ask()
        for epoch, value in enumerate((late + 0.02 * number).tolist(), 1):
            trial.report(value, epoch)
        study.tell(trial, 0.1 + 0.02 * number)
    trial = study.ask()
    for epoch in range(1, 16):
        trial.report(0.95, epoch)
        if trial.should_prune():
            break
    assert (epoch == 15) == (finished > 1)


def test_brackets_and_rungs_are_told_in_words() -> None:
    assert describe_pruning(make_spec("hyperband", 20)) == [
        "One in 3 trials goes on at each rung. 3 brackets: 53 % of the trials with rungs after epoch 1, 3 and 9; "
        "29 % of the trials with rungs after epoch 3 and 9; 18 % of the trials with rungs after epoch 9."
    ]
    old = describe_pruning(make_spec("hyperband", 20, pruner_warmup_epochs=7))
    assert "Rungs after epoch 7." in old[0]
    assert "One bracket is successive halving" in old[1]
    assert describe_pruning(make_spec("halving", 20, pruner_warmup_epochs=1)) == [
        "One in 4 trials goes on at each rung. Rungs after epoch 1, 4 and 16."
    ]
    assert describe_pruning(make_spec("none")) == []
    assert "After 4 epochs without an improvement." in describe_pruning(make_spec("patient"))
    assert describe_pruning(make_spec("forecast"))[0].startswith("After epoch 3 at the earliest, once a trial has")
