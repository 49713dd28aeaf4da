"""Workers of a study: exact numbers under parallel work, kills and stops; each trial an ordinary run."""

import random
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from optuna.trial import TrialState

from core import launcher, study as studies
from core.launcher import start_run
from core.runs import list_runs, open_run
from core.search_space import propose_values
from core.study import delete_study, enqueue, extend_study, open_study, set_workers, start_workers, stop_study
from core.study_storage import storage_url
from tests.core import study_workers
from tests.core.study_workers import (
    LEARNING_RATE,
    kill_worker,
    logs_of,
    make_study,
    states_of,
    tiny_study,
    wait_for_end,
)
from tests.core.workers import tiny_spec, wait_for, wait_for_state


@pytest.fixture
def lab(quick_workers: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Workers are forked; returns the runs folder."""
    monkeypatch.setattr(studies, "start_process", study_workers.start_module)
    return quick_workers


CHANNELS = {"path": "model.layers[*].channels", "low": 2, "high": 16}
POOL = {"path": "model.pool_size", "choices": [4, 8, 9]}


def test_every_trial_is_an_ordinary_run_and_networks_that_cannot_train_cost_no_training(lab: Path) -> None:
    study = make_study(tiny_study(LEARNING_RATE, CHANNELS, POOL, trials=5, budget=2500))
    start_workers("tiny")
    wait_for_end(study)

    trials = study.trials()
    trained = trials[trials.state == "finished"]
    assert len(trained) == 5, logs_of(study)
    assert study.summary().state == "finished"
    assert set(trials.state) <= {"finished", "infeasible"}
    for trial in trained.itertuples():
        run = open_run(trial.run_id)
        assert run.state() == "finished"
        assert run.about.tags == ("study:tiny",)
        assert run.spec.train.learning_rate == trials.loc[trial.Index, "params.train.learning_rate"]
        assert trial.value == pytest.approx(run.metrics()["val/loss"].min())
        assert run.summary().parameters == trial.parameters <= 2500
        assert "Finished" in run.log_tail()
    refused = trials[trials.state == "infeasible"]
    assert len(refused) > 0, "the seed gives some"
    assert set(refused.run_id) == {""}
    assert all(
        "is larger than the last map" in reason or "over the budget of 2,500" in reason for reason in refused.reason
    )
    assert len(list_runs()) == 5


@pytest.mark.slow
def test_four_workers_make_exactly_forty_trials_without_an_error(lab: Path) -> None:
    study = make_study(tiny_study(trials=40, workers=4))
    start_workers("tiny")
    wait_for_end(study, 300)

    assert states_of(study) == {"finished": 40}, logs_of(study)
    trials = study.frozen_trials()
    assert [trial.number for trial in trials] == list(range(40))
    assert len({trial.user_attrs["run_id"] for trial in trials}) == 40
    assert len({trial.params["train.learning_rate"] for trial in trials}) == 40
    assert {trial.user_attrs["worker"]["index"] for trial in trials} == {0, 1, 2, 3}
    assert "Error" not in logs_of(study)


@pytest.mark.slow
def test_workers_killed_at_random_moments_leave_the_exact_number_of_trials(lab: Path) -> None:
    study = make_study(tiny_study(trials=24, train={"epochs": 3}))
    dice, kills = random.Random(4), 0
    start_workers("tiny", 3)
    while study.summary().state != "finished":
        victim = dice.randrange(3)
        time.sleep(dice.uniform(0.05, 0.6))  # the moment of a kill is the point
        if kills < 10:
            kills += kill_worker(study, victim)
        if study.summary().workers_alive < 3 and study.summary().state != "finished":
            start_workers("tiny", 3)
    wait_for_end(study)

    assert kills == 10
    counts = states_of(study)
    assert counts.get("running", 0) == counts.get("interrupted", 0) == counts.get("waiting", 0) == 0
    # A trial whose retry was killed as well has failed, and counts.
    assert counts["finished"] + counts.get("failed", 0) == 24, (counts, logs_of(study))
    numbers = [trial.number for trial in study.frozen_trials()]
    assert numbers == list(range(len(numbers)))


def test_a_killed_workers_trial_is_failed_and_retried_once_by_the_next(lab: Path) -> None:
    study = make_study(tiny_study(trials=1, train={"epochs": 400}))
    start_workers("tiny")
    first = wait_for(lambda: next(iter(study.trials().run_id.tolist()), ""))
    wait_for_state(open_run(first), "running")
    assert kill_worker(study, 0)
    wait_for(lambda: states_of(study) == {"interrupted": 1})
    assert study.summary().state == "paused"
    assert open_run(first).state() == "interrupted"

    start_workers("tiny")
    second = wait_for(lambda: next((run_id for run_id in study.trials().run_id.tolist()[1:] if run_id), ""))
    wait_for_state(open_run(second), "running")
    trials = study.trials()
    assert trials.state.tolist() == ["retried", "running"]
    assert trials["params.train.learning_rate"].nunique() == 1
    assert trials.reason[0] == "Its worker's process ended without a word."
    assert second != first

    assert kill_worker(study, 0)
    wait_for_end(study)
    start_workers("tiny")
    wait_for(lambda: study.summary().state == "finished")
    assert states_of(study) == {"retried": 1, "failed": 1}, "one retry, then the trial has failed"


def test_a_pause_waits_for_the_trial_and_a_resume_goes_on_counting(lab: Path) -> None:
    study = make_study(tiny_study(trials=4, train={"epochs": 5}))
    start_workers("tiny")
    run_id = wait_for(lambda: next(iter(study.trials().run_id.tolist()), ""))
    wait_for_state(open_run(run_id), "running", "finished")
    stop_study("tiny")
    wait_for_end(study)
    done = states_of(study)
    assert set(done) == {"finished"}
    assert 1 <= done["finished"] < 4
    assert study.summary().state == "paused"

    start_workers("tiny")
    wait_for_end(study)
    assert states_of(study) == {"finished": 4}
    with pytest.raises(studies.StudyError, match="All 4 trials are done"):
        start_workers("tiny")
    extend_study("tiny", trials=5)
    start_workers("tiny")
    wait_for_end(study)
    assert states_of(study) == {"finished": 5}


def test_a_stop_at_once_keeps_the_trial_which_goes_on_where_it_was_another_day(lab: Path) -> None:
    study = make_study(tiny_study(trials=1, train={"epochs": 300}))
    start_workers("tiny")
    run_id = wait_for(lambda: next(iter(study.trials().run_id.tolist()), ""))
    wait_for(lambda: open_run(run_id).rows())
    stop_study("tiny", now=True)
    wait_for_end(study)

    assert open_run(run_id).state() == "stopped"
    assert states_of(study) == {"retried": 1, "waiting": 1}
    assert study.summary().state == "paused"
    start_workers("tiny")
    wait_for_end(study)
    assert states_of(study) == {"retried": 1, "finished": 1}
    assert set(study.trials().run_id) == {run_id}
    assert open_run(run_id).state() == "finished"
    assert open_run(run_id).metrics()["epoch"].tolist() == list(range(1, 301))
    assert sorted(study.frozen_trials()[1].intermediate_values) == list(range(1, 301))
