"""Where the studies are kept: what cannot be reached is a sentence without a password."""

from pathlib import Path

import pytest

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
