"""Studies whose storage is locked or cut off, and whose workers are killed: no completed result is lost."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from optuna.trial import TrialState

from core.studies import manage as studies
from core.studies.manage import start_workers
from core.studies.storage import PatientStorage, StudyError
from core.studies.study import Study
from tests.core import study_workers
from tests.core.studies.test_worker import lock_database
from tests.core.study_workers import kill_worker, logs_of, make_study, states_of, tiny_study, wait_for_end
from tests.core.workers import wait_for
from tests.postgres import serve_postgres

pytestmark = pytest.mark.slow


@pytest.fixture
def lab(quick_workers: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Workers are forked; returns the runs folder."""
    monkeypatch.setattr(studies, "start_process", study_workers.start_module)
    return quick_workers


def completed(study: Study) -> dict[int, tuple[object, ...]]:
    """What is known for good: each completed trial with its values, place and run."""
    return {
        trial.number: (tuple(trial.values), str(trial.params), trial.user_attrs["run_id"])
        for trial in study.frozen_trials()
        if trial.state == TrialState.COMPLETE
    }


def assert_kept(before: dict[int, tuple[object, ...]], study: Study) -> None:
    after = completed(study)
    assert {number: after.get(number) for number in before} == before


def count_exactly(study: Study, trials: int) -> dict[str, int]:
    """The states at the end: every trial has one, each number is given once, and so many count."""
    counts = states_of(study)
    assert counts.get("running", 0) == counts.get("interrupted", 0) == counts.get("waiting", 0) == 0, counts
    # A trial whose retry was killed as well has failed, and counts.
    assert counts.get("finished", 0) + counts.get("failed", 0) == trials, (counts, logs_of(study))
    numbers = [trial.number for trial in study.frozen_trials()]
    assert numbers == list(range(len(numbers)))
    ids = [entry[2] for entry in completed(study).values()]
    assert len(set(ids)) == len(ids)
    return counts


@pytest.mark.promise(
    14,
    "A storage that is locked for a while fails no trial and loses none.",
    how="another program holds the SQLite file for itself for 9 s and for 30 s while two workers search",
    control="a storage that waits for half a second, as Optuna's own would fail once its time is over, raises",
)
@pytest.mark.parametrize("seconds", [9, 30])
def test_a_locked_storage_loses_no_result(
    lab: Path,
    monkeypatch: pytest.MonkeyPatch,
    full: bool,
    record_figure: Callable[[str], None],
    seconds: float,
) -> None:
    if not full:
        if seconds > 9:
            pytest.skip("the short form locks once")
        seconds = 3
    study = make_study(tiny_study(trials=6, train={"epochs": 4}))
    start_workers("tiny", 2)
    wait_for(lambda: states_of(study).get("finished"))
    before = completed(study)
    lock = lock_database(seconds)
    impatient = sqlite3.connect(lab / "studies.db", timeout=0.5)
    time.sleep(0.5)
    with pytest.raises(sqlite3.OperationalError, match="locked"):  # control
        impatient.execute("BEGIN IMMEDIATE")
    impatient.close()
    lock.join()
    wait_for_end(study)
    assert states_of(study) == {"finished": 6}, logs_of(study)
    assert_kept(before, study)
    record_figure(f"locked {seconds:g} s: 6 of 6 trials finished")


@pytest.mark.promise(
    14,
    "Workers of a study that are killed lose no completed result, and the number of trials is exact.",
    how="20 times, one of three workers is killed at a random moment and started anew, over 60 trials of three epochs",
    control="without a retry, killed trials are missing from the number that finished",
)
def test_killed_workers_lose_no_result_and_the_number_is_exact(
    lab: Path, full: bool, record_figure: Callable[[str], None]
) -> None:
    trials, kills = (60, 20) if full else (8, 2)
    study = make_study(tiny_study(trials=trials, train={"epochs": 3}))
    dice, killed, kept = random.Random(14), 0, completed(study)
    start_workers("tiny", 3)
    while study.summary().state != "finished":
        time.sleep(dice.uniform(0.05, 0.6) if full else 0.05)  # the moment of a kill is the point
        if killed < kills and states_of(study).get("running"):
            killed += any(kill_worker(study, index) for index in dice.sample(range(3), 3))
        assert_kept(kept, study)
        kept = completed(study)
        with suppress(StudyError):  # done meanwhile
            start_workers("tiny", 3)
    wait_for_end(study)
    assert killed == kills
    counts = count_exactly(study, trials)
    again = counts.get("retried", 0)
    # Control: what was killed in training shows, and would be missing had it not been taken up again.
    assert again or not full
    record_figure(
        f"{killed} workers killed over {trials} trials: exactly {trials} counted, {again} begun again, "
        f"{counts.get('failed', 0)} failed for good"
    )


def assert_impatience_raises(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as impatient:
        impatient.setattr(PatientStorage, "patience", 0.0)
        with pytest.raises(Exception, match=r"refused|closed|terminat"):
            study.frozen_trials()


@pytest.mark.promise(
    14,
    "A PostgreSQL server that goes away loses no completed result, and the number of trials is exact.",
    how="Debian's server is cut off without a word, ten times for 10 s, while four workers search 80 trials. (The "
    "short form, one cut, stands in `tests/core/studies/test_postgres.py`.)",
    control="Optuna's storage without the patience raises at the first question to a server that is away",
)
def test_a_postgresql_server_cut_off_loses_no_result(
    lab: Path, monkeypatch: pytest.MonkeyPatch, full: bool, record_figure: Callable[[str], None]
) -> None:
    if not full:
        pytest.skip("the short form, one cut, stands in tests/core/studies/test_postgres.py")
    trials, cuts = 80, 10
    with serve_postgres() as server:
        monkeypatch.setenv("RESNET_LAB_STORAGE", server.url)
        study = make_study(tiny_study(trials=trials, workers=4, train={"epochs": 60}, seed=1))
        start_workers("tiny")
        kept: dict[int, tuple[object, ...]] = {}
        for cut in range(cuts):
            goal = len(kept) + 2
            wait_for(lambda goal=goal: len(completed(study)) >= goal)
            kept = completed(study)
            server.cut()
            if cut == 0:
                assert_impatience_raises(study, monkeypatch)
            time.sleep(10)  # the length of the cut is the point
            server.start()
            assert_kept(kept, study)
        wait_for_end(study, 300)
        counts = count_exactly(study, trials)
        void = counts.get("void", 0)
    record_figure(
        f"{cuts} cuts of 10 s: {counts['finished']} of {trials} finished, none lost, {void} begun anew that the server "
        "had begun as it died"
    )
