"""What is said of a study is what its trials are."""

import math
from pathlib import Path

import pytest
from optuna.trial import FrozenTrial, TrialState

from core.studies.manage import enqueue, extend_study
from core.studies.storage import StudyError
from core.studies.study import Study, list_studies, open_study
from core.studies.trials import CONSTRAINT
from tests.core.studies.made_studies import add, make
from tests.core.study_workers import LEARNING_RATE, tiny_study


def test_a_look_at_the_studies_makes_no_storage(lab: Path) -> None:
    assert list_studies() == []
    assert list(lab.iterdir()) == []


def test_a_folder_with_spaces_and_signs_makes_no_storage_either(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("my runs", "100%20 ü#?"):
        folder = lab / name
        folder.mkdir()
        monkeypatch.setenv("RESNET_LAB_RUNS", str(folder))
        assert list_studies() == []
        assert list(folder.iterdir()) == []
        make(name="one")
        assert [study.name for study in list_studies()] == ["one"]


def test_a_finished_study_is_proposed_limits_with_which_it_goes_on(lab: Path) -> None:
    study = make(tiny_study(trials=3))
    for _ in range(3):
        add(study)
    assert study.summary().state == "finished"
    trials, minutes = study.propose_limits()
    assert (trials, minutes) == (5, 0.0)
    extend_study("tiny", trials=trials, minutes=minutes)
    assert open_study("tiny").summary().state == "paused"
    assert open_study("tiny").propose_limits() == (5, 0.0), "nothing is used up"


def test_a_grid_without_a_point_left_cannot_go_on(lab: Path) -> None:
    study = make(tiny_study({"path": "model.pool_size", "choices": [4, 8]}, sampler="grid", trials=5))
    add(study, params={"model.pool_size": 4}, system_attrs={"grid_id": 0})
    assert not study.is_exhausted()
    add(study, params={"model.pool_size": 8}, system_attrs={"grid_id": 1})
    assert study.is_exhausted()
    before = study.spec
    with pytest.raises(StudyError, match="Every point of the grid has its trial"):
        extend_study("tiny", trials=50)
    assert open_study("tiny").spec == before
    assert study.summary().reason == "All 2 points of the grid are done."


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


def test_a_study_whose_last_worker_ends_during_a_look_is_not_paused(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = make(tiny_study(trials=1))
    frozen_trials = type(study).frozen_trials

    def end_and_read(self: Study) -> list[FrozenTrial]:
        monkeypatch.setattr(Study, "worker_indices", lambda self: [])  # it has told its trial, and is gone
        if not frozen_trials(self):
            add(study)
        return frozen_trials(self)

    monkeypatch.setattr(Study, "worker_indices", lambda self: [0])
    monkeypatch.setattr(Study, "is_worker_alive", lambda self, index: True)
    monkeypatch.setattr(Study, "frozen_trials", end_and_read)
    assert [study.summary().state for _ in range(2)] == ["running", "finished"]
