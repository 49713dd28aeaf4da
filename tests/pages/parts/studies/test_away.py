"""A page that found the storage away goes on by itself, and only then."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from core.studies.storage import StorageError, StudyError
from core.studies.study import list_studies
from tests.pages.conftest import texts
from tests.pages.sample_studies import make_study

AWAY = "postgresql+psycopg://lab:secret@127.0.0.1:1/lab"


def count_runs() -> None:
    import streamlit as st

    from pages.parts.studies.away import ask_again

    st.session_state["runs"] = runs = st.session_state.get("runs", 0) + 1
    if runs < 5:
        ask_again()


@pytest.mark.parametrize(("url", "runs"), [(AWAY, 1), ("nonsense://user@somewhere/db", 5), ("", 5)])
def test_the_page_is_shown_anew_once_the_storage_answers(monkeypatch: pytest.MonkeyPatch, url: str, runs: int) -> None:
    monkeypatch.setenv("RESNET_LAB_STORAGE", url)
    assert AppTest.from_function(count_runs, default_timeout=30).run().session_state["runs"] == runs


def test_a_study_whose_storage_is_away_says_so_and_stands_there_again(
    open_page, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_study("done")
    page = open_page("studies", name="done")
    monkeypatch.setenv("RESNET_LAB_STORAGE", AWAY)
    page.run()
    assert not page.exception
    assert "postgresql+psycopg://lab:***@127.0.0.1:1/lab cannot be used" in texts(page)
    assert "There is no such study" not in texts(page)
    monkeypatch.delenv("RESNET_LAB_STORAGE")
    page.run()
    assert "<b>11</b> of 12 trials" in texts(page)


def test_a_storage_that_is_away_makes_no_list_shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    make_study("done")

    def fail(*_: object) -> None:
        raise StorageError("away")

    monkeypatch.setattr("core.studies.study.Study.frozen_trials", fail)
    with pytest.raises(StudyError, match="away"):
        list_studies()
