"""Workers of a study: exact numbers under parallel work, kills and stops; each trial an ordinary run."""

import json
import math
import os
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import optuna
import pytest
import sqlalchemy
from optuna.trial import TrialState

from core.launch import launcher
from core.launch.launcher import start_run
from core.machine.queue import slot_path
from core.runs.listing import list_runs
from core.runs.records import About
from core.runs.store import open_run, publish_run
from core.studies import manage as studies
from core.studies.manage import delete_study, enqueue, extend_study, set_workers, start_workers, stop_study
from core.studies.points import gather_points
from core.studies.space import propose_values
from core.studies.storage import WORKER_PATIENCE, StudyError, open_storage, storage_url
from core.studies.study import Study, StudyNotFoundError, open_study
from core.studies.trials import new_owner
from core.studies.warm import TrialStop
from core.studies.worker import TrialFailedError, Worker
from core.system import files
from core.system.locks import FileLock
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
        if kills < 5:
            kills += kill_worker(study, victim)
        with suppress(StudyError):  # done meanwhile
            start_workers("tiny", 3)
    wait_for_end(study)

    assert kills == 5
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
    assert trials.reason[0] == "Its worker's process ended unexpectedly."
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
    with pytest.raises(StudyError, match="All 4 trials are done"):
        start_workers("tiny")
    extend_study("tiny", trials=5)
    start_workers("tiny")
    wait_for_end(study)
    assert states_of(study) == {"finished": 5}


def stop_now(study: Study) -> None:
    stop_study(study.name, now=True)


def end_process(study: Study) -> None:
    """As a shutdown of the machine does."""
    recorded = json.loads((study.worker_folder(0) / "worker.json").read_text())
    os.kill(recorded["process"]["pid"], signal.SIGTERM)


@pytest.mark.parametrize(("act", "state"), [(stop_now, "stopped"), (end_process, "interrupted")])
def test_a_stop_at_once_keeps_the_trial_which_goes_on_where_it_was_another_day(
    lab: Path, act: Callable[[Study], None], state: str
) -> None:
    study = make_study(tiny_study(trials=1, train={"epochs": 50}))
    start_workers("tiny")
    run_id = wait_for(lambda: next(iter(study.trials().run_id.tolist()), ""))
    wait_for(lambda: open_run(run_id).rows())
    act(study)
    wait_for_end(study)

    assert open_run(run_id).state() == state
    assert states_of(study) == {"retried": 1, "waiting": 1}
    assert study.summary().state == "paused"
    start_workers("tiny")
    wait_for_end(study)
    assert states_of(study) == {"retried": 1, "finished": 1}
    assert set(study.trials().run_id) == {run_id}
    assert open_run(run_id).state() == "finished"
    assert open_run(run_id).metrics()["epoch"].tolist() == list(range(1, 51))
    assert sorted(study.frozen_trials()[1].intermediate_values) == list(range(1, 51))


@pytest.mark.parametrize(
    ("end", "by_study", "states", "failures"),
    [
        ({"state": "stopped", "reason": "Stopped."}, True, ["retried", "waiting"], 0),
        ({"state": "stopped", "reason": "Stopped."}, False, ["pruned"], 0),
        (None, False, ["retried", "waiting"], 1),
    ],
    ids=["the study was stopped and resumed since", "the run was stopped", "no end could be written"],
)
def test_what_a_trials_end_means_where_nothing_asks_the_study_to_stop_any_more(
    runs: Path, end: dict[str, str] | None, by_study: bool, states: list[str], failures: int
) -> None:
    study = make_study(tiny_study(trials=3))
    worker = Worker(study, 0, new_owner(0))
    worker.failures = 1
    run = open_run(publish_run(study.spec.base, About())[0])
    if end:
        files.write_json(run.path / "end.json", end)
    stop = TrialStop(run.path, study.folder)
    stop.by_study = by_study

    def conclude(trial: optuna.Trial) -> list[float]:
        trial.suggest_float("train.learning_rate", 1e-4, 1e-1, log=True)
        trial.set_user_attr("worker", worker.owner)
        trial.set_user_attr("run_id", run.id)
        return worker._conclude(trial, run, stop)

    worker.optuna.optimize(conclude, n_trials=1, catch=(TrialFailedError,))
    assert study.trials().state.tolist() == states
    assert worker.failures == failures


def test_a_trial_that_diverges_is_told_with_its_reason_and_the_study_goes_on(lab: Path) -> None:
    rates = {"path": "train.learning_rate", "choices": [0.01, 100.0]}
    train = {"optimizer": "sgd", "nesterov": False, "epochs": 10, "batch_size": 16, "weight_decay": 1.0}
    study = make_study(tiny_study(rates, sampler="grid", trials=2, train=train))
    start_workers("tiny")
    wait_for_end(study)

    trials = study.trials().set_index("params.train.learning_rate")
    assert trials.state[0.01] == "finished"
    assert trials.state[100.0] == "pruned"
    assert "The loss became" in trials.reason[100.0]
    assert open_run(trials.run_id[100.0]).state() == "failed"
    assert study.summary().state == "finished"


def test_hopeless_trials_are_pruned_after_the_warm_up_and_their_runs_say_so(lab: Path) -> None:
    rates = {"path": "train.learning_rate", "choices": [0.03, 1e-7]}
    spec = tiny_study(rates, trials=8, pruner="median", pruner_warmup_epochs=2, train={"epochs": 5})
    study = make_study(spec)
    for rate in [0.03] * 6 + [1e-7] * 2:
        enqueue("tiny", propose_values(spec.base, {"train.learning_rate": rate}))
    start_workers("tiny")
    wait_for_end(study)

    trials = study.trials()
    assert trials.state.tolist() == ["finished"] * 6 + ["pruned"] * 2
    for run_id, reason in zip(trials.run_id[6:], trials.reason[6:], strict=True):
        run = open_run(run_id)
        assert run.state() == "pruned"
        assert len(run.rows()) == 3, "two epochs of grace, judged at the third"
        assert run.summary().reason == reason
        assert reason.startswith("Pruned after epoch 3 of 5 by the median pruner, at a val/loss of ")


def test_several_objectives_are_searched_together(lab: Path) -> None:
    objectives = ["val/accuracy", "parameters"]
    study = make_study(tiny_study(LEARNING_RATE, CHANNELS, sampler="nsga2", objectives=objectives, trials=3))
    start_workers("tiny")
    wait_for_end(study)

    trials = study.trials()
    assert trials.state.tolist() == ["finished"] * 3
    assert study.summary().best_value is None
    for trial in trials.itertuples():
        run = open_run(trial.run_id)
        assert trial.values == pytest.approx((run.metrics()["val/accuracy"].max(), run.summary().parameters))


def test_a_study_shares_its_device_with_a_run_that_waits(lab: Path) -> None:
    study = make_study(tiny_study(trials=50, train={"epochs": 2}), slots=1)
    start_workers("tiny", 2)
    wait_for(lambda: states_of(study).get("finished"))
    other = open_run(start_run(tiny_spec(epochs=1)))
    wait_for_state(other, "finished")
    assert study.summary().state == "running", "its turn came before the study's end"
    stop_study("tiny", now=True)
    wait_for_end(study)


def test_a_trial_that_waits_for_its_device_is_queued_and_the_wait_is_no_part_of_its_time(lab: Path) -> None:
    study = make_study(tiny_study(trials=1), slots=1)
    slot = FileLock(slot_path(lab, "cpu", 0))
    assert slot.acquire(1)
    with slot:
        start_workers("tiny")
        wait_for(lambda: states_of(study) == {"queued": 1})
        assert (study.summary().queued, study.summary().running, study.summary().state) == (1, 0, "running")
        assert math.isnan(gather_points("tiny", study.spec, study.frozen_trials()).started[0])
        free_at = time.time()
    wait_for_end(study)
    (trial,) = study.trials().to_dict("records")
    assert trial["state"] == "finished"
    assert free_at <= trial["started"] <= trial["finished"]


def test_workers_come_and_go_while_a_study_runs(lab: Path) -> None:
    study = make_study(tiny_study(trials=0, minutes=60, train={"epochs": 3}))
    start_workers("tiny", 1)
    wait_for(lambda: states_of(study).get("finished"))
    set_workers("tiny", 2)
    wait_for(lambda: set(study.trials().worker.dropna()) == {0, 1})
    set_workers("tiny", 1)
    wait_for(lambda: study.summary().workers_alive == 1)
    assert kill_worker(study, 0), "the first one is left"
    wait_for_end(study)
    delete_study("tiny")
    with pytest.raises(StudyNotFoundError):
        open_study("tiny")
    assert len(list_runs()) >= 2, "the runs of a deleted study stay"


def test_a_trial_whose_run_is_stopped_or_deleted_by_hand_ends_and_the_study_goes_on(lab: Path) -> None:
    study = make_study(tiny_study(trials=3, train={"epochs": 300}))
    start_workers("tiny")
    for number, act in enumerate([launcher.request_stop, launcher.delete_run, launcher.request_stop]):
        run_id = wait_for(lambda number=number: dict(enumerate(study.trials().run_id)).get(number))
        wait_for(lambda run_id=run_id: open_run(run_id).rows())
        act(run_id)
    wait_for_end(study)
    trials = study.trials()
    # A run that is deleted is stopped first, which its trial may see or not.
    assert [trials.state[0], trials.state[2]] == ["pruned"] * 2
    assert trials.state[1] in ("pruned", "failed")
    assert "Stopped on request" in trials.reason[0]
    assert [run.id for run in list_runs()] == [trials.run_id[2], trials.run_id[0]]
    assert study.summary().state == "finished"


def test_a_worker_whose_images_are_gone_says_so_instead_of_failing_trials(lab: Path) -> None:
    study = make_study(tiny_study(trials=3, minutes=0))
    spec = study.spec.model_dump(mode="json")
    spec["base"]["data"] |= {"dataset": "folder", "folder": str(lab / "nowhere")}
    study.optuna().set_user_attr("spec", spec)
    with pytest.raises(StudyError, match="nowhere"):
        start_workers("tiny")
    study_workers.start_module(["core.studies.worker", "tiny"], lab / "log.txt")
    wait_for(lambda: "nowhere" in open_study("tiny").summary().reason)
    assert states_of(study) == {}


def lock_database(seconds: float) -> threading.Thread:
    """Another program that holds the studies' database for itself."""

    database = sqlalchemy.make_url(storage_url()).database or ""

    def hold() -> None:
        connection = sqlite3.connect(database, timeout=60, isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
        time.sleep(seconds)  # the length of the lock is the point
        connection.execute("COMMIT")
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    return thread


def test_a_locked_database_fails_no_healthy_trial(lab: Path) -> None:
    """For longer than SQLite's own five seconds; for 30 s by the full form of `tests/faults/test_studies.py`."""
    study = make_study(tiny_study(trials=6, train={"epochs": 4}))
    start_workers("tiny", 2)
    wait_for(lambda: states_of(study).get("running"))
    lock = lock_database(6)
    lock.join()
    wait_for_end(study)
    assert states_of(study) == {"finished": 6}, logs_of(study)
    assert len(study.frozen_trials()) == 6
    assert all(trial.state == TrialState.COMPLETE for trial in study.frozen_trials())


def test_a_worker_waits_a_minute_for_a_locked_database(runs: Path) -> None:
    storage = open_storage(WORKER_PATIENCE)
    with storage._backend.engine.connect() as connection:  # type: ignore[attr-defined]
        assert connection.execute(sqlalchemy.text("PRAGMA busy_timeout")).scalar() == 60_000
