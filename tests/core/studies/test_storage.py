"""Where the studies are kept: what cannot be reached is a sentence without a password."""

import sqlite3
from pathlib import Path
from typing import Any

import optuna
import pytest
import sqlalchemy
from sqlalchemy.exc import OperationalError

from core.studies import storage
from core.studies.manage import create_study, delete_study
from core.studies.storage import StudyError
from core.studies.study import list_studies, open_study
from tests.core.studies.made_studies import add, make
from tests.core.study_workers import tiny_study


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("postgresql+psycopg://lab:secret@127.0.0.1:1/x", "127.0.0.1"),
        ("nonsense", "RESNET_LAB_STORAGE is no URL"),
        ("delphi://x", "SQLAlchemy knows no such database"),
        ("sqlite:////nowhere/at/all/studies.db", "unable to open database file"),
    ],
)
def test_a_storage_that_cannot_be_reached_is_told_without_its_password(
    lab: Path, monkeypatch: pytest.MonkeyPatch, url: str, problem: str
) -> None:
    monkeypatch.setenv("RESNET_LAB_STORAGE", url)
    for ask in (list_studies, lambda: open_study("x"), lambda: create_study("x", tiny_study())):
        with pytest.raises(StudyError, match=problem) as caught:
            ask()
        assert "secret" not in str(caught.value)


def test_a_study_with_the_number_of_a_deleted_one_shows_its_own_trials(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make(name="first")
    add(first, value=0.5)
    add(first, value=0.6)
    assert len(first.trials()) == 2
    with monkeypatch.context() as elsewhere:  # as another process, which has a cache of its own
        elsewhere.setattr(storage, "_open", {})
        delete_study("first")
        second = make(name="second")
        add(second, value=0.7)
    assert open_study("second").trials().value.tolist() == [0.7]
    [summary] = list_studies()
    assert (summary.name, summary.done, summary.best_value) == ("second", 1, 0.7)


def test_whichever_question_of_a_trial_finds_the_database_locked_the_trial_is_finished(lab: Path) -> None:
    study = make(name="patient")
    engine = study._storage._backend.engine  # type: ignore[attr-defined]
    asked: list[str] = []
    unlucky = 0

    def answer(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        asked.append(statement)
        if len(asked) == unlucky:
            raise OperationalError(statement, parameters, sqlite3.OperationalError("database is locked"))

    def objective(trial: optuna.Trial) -> float:
        trial.set_user_attr("worker", {"host": "another"})
        rate = trial.suggest_float("rate", 0.001, 0.1)
        trial.report(rate, 1)
        return rate

    def search(number: int) -> None:
        nonlocal unlucky
        unlucky = number
        asked.clear()
        optuna.load_study(study_name="patient", storage=study._storage).optimize(objective, n_trials=1)

    sqlalchemy.event.listen(engine, "before_cursor_execute", answer)
    search(0)
    questions = len(asked)
    for number in range(1, questions + 1):
        search(number)
    assert questions > 20
    # What the lock cut off after it had begun a trial is another trial: none is lost.
    states = [trial.state for trial in study.frozen_trials()]
    assert states.count(optuna.trial.TrialState.COMPLETE) == questions + 1
