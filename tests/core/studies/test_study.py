"""What is said of a study is what its trials are."""

import math
from pathlib import Path

from optuna.trial import TrialState

from core.studies.manage import enqueue
from core.studies.study import list_studies
from core.studies.trials import CONSTRAINT
from tests.core.studies.made_studies import add, make
from tests.core.study_workers import LEARNING_RATE, tiny_study


def test_a_look_at_the_studies_makes_no_storage(lab: Path) -> None:
    assert list_studies() == []
    assert list(lab.iterdir()) == []


def test_every_state_of_a_trial_has_its_word_and_its_place_in_the_summary(lab: Path) -> None:
    study = make(tiny_study(LEARNING_RATE, {"path": "model.pool_size", "choices": [4, 8]}, trials=9))
    add(study, value=0.5, user_attrs={"run_id": "r", "parameters": 7})
    add(study, value=math.inf, constraints={CONSTRAINT: 1.0}, user_attrs={"reason": "too large"})
    add(study, TrialState.PRUNED, user_attrs={"reason": "hopeless"})
    add(study, TrialState.FAIL)
    add(study, TrialState.RUNNING)
    add(study, TrialState.RUNNING, user_attrs={"worker": {"host": "elsewhere", "index": 0, "token": "x"}})
    add(study, value=0.7, user_attrs={"joined": True})
    enqueue("tiny", study.spec.base)
    trials = study.trials()
    states = ["finished", "infeasible", "pruned", "failed", "interrupted", "running", "finished", "waiting"]
    assert trials.state.tolist() == states
    assert trials.value.dropna().tolist() == [0.5, 0.7], "an infeasible network has no value"
    assert trials.loc[0, ["run_id", "parameters", "params.train.learning_rate"]].tolist() == ["r", 7, 0.01]
    assert trials.reason[1] == "too large"
    assert trials["params.model.pool_size"].tolist()[-1] == 8, "what is queued shows its values"
    summary = study.summary()
    assert (summary.done, summary.infeasible, summary.pruned, summary.failed) == (2, 1, 1, 1)
    assert (summary.running, summary.waiting, summary.total, summary.best_value) == (1, 1, 10, 0.5)
    assert summary.state == "running", "a trial trains on another machine"


def test_nothing_is_called_done_while_the_last_trial_still_trains(lab: Path) -> None:
    study = make(tiny_study(trials=2))
    add(study)
    add(study, TrialState.RUNNING, user_attrs={"worker": {"host": "elsewhere", "index": 0, "token": "x"}})
    assert (study.summary().state, study.summary().reason) == ("running", "")
    study.optuna().tell(1, 0.5)
    assert (study.summary().state, study.summary().reason) == ("finished", "All 2 trials are done.")


def test_the_best_value_is_the_highest_accuracy(lab: Path) -> None:
    study = make(tiny_study(objectives=["val/accuracy"]))
    add(study, value=0.5)
    add(study, value=0.75)
    assert study.summary().best_value == 0.75
