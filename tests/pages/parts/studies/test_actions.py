"""Each button does what it says, or says why not."""

from __future__ import annotations

import pytest
import streamlit as st

from core.studies.storage import StudyError
from core.studies.study import open_study
from server.dashboard import Dashboard
from tests.pages.conftest import labels, press, texts
from tests.pages.sample_studies import make_spec, make_study
from tests.pages.studies_page import defined


def test_what_was_learnt_is_said_and_leads_to_a_narrower_study(open_page) -> None:
    make_study("done", 24)
    page = open_page("studies", name="done")
    assert open_study("done").words()[0] in texts(page).replace("&#x27;", "'")
    press(page, "Narrow the space")
    assert defined(page) == open_study("done").narrow()


def test_a_clone_begins_with_the_same_definition(open_page) -> None:
    spec = make_study("done")
    page = press(open_page("studies", name="done"), "Clone")
    assert defined(page) == spec


def test_workers_are_started_added_and_stopped_from_the_page(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple] = []
    for name in ("start_workers", "set_workers", "stop_study"):
        monkeypatch.setattr(f"pages.parts.studies.actions.{name}", lambda *args, name=name: asked.append((name, *args)))
    make_study("open", 5, make_spec(trials=20))
    page = open_page("studies", name="open")
    page.button(key="workers.more").click().run()
    press(page, "Resume")
    assert asked == [("start_workers", "open", 2)]


def test_what_cannot_be_done_is_said_where_it_was_asked(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, count: int) -> None:
        raise StudyError("CIFAR-10 is not on this machine yet.")

    monkeypatch.setattr("pages.parts.studies.actions.start_workers", refuse)
    make_study("open", 5, make_spec(trials=20))
    assert "CIFAR-10 is not on this machine yet." in texts(press(open_page("studies", name="open"), "Resume"))


def test_a_finished_study_goes_on_with_more_trials(open_page) -> None:
    make_study("done", 12, make_spec(trials=11))  # the twelfth is over the budget, and counts as none
    page = press(open_page("studies", name="done"), "More trials")
    assert "All 11 trials are done." in texts(page)
    assert next(field for field in page.text_input if field.label == "Trials in all").value == "17"
    assert "Change" in labels(page)


def test_a_question_of_a_part_that_renews_itself_reaches_the_page(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part's rerun does not run the page, which is the only one to show a dialog."""
    make_study("done", 12, make_spec(trials=11))
    page = open_page("studies", name="done")
    reruns: list[str] = []

    def rerun(**options: str) -> None:
        reruns.append(options.get("scope", "app"))
        st.stop()

    monkeypatch.setattr("pages.parts.studies.live.st.rerun", rerun)
    monkeypatch.setattr("pages.parts.studies.actions.answer", lambda study: None)
    page.session_state["studies.asked"] = ("limits", "done")
    page.run()
    assert reruns == ["app"]


def test_a_study_in_which_nothing_fits_the_budget_is_started_after_a_question(
    open_page, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple] = []
    monkeypatch.setattr("pages.parts.studies.actions.start_workers", lambda *args: asked.append(args))
    make_study("over", 0, make_spec(budget=10))
    page = press(open_page("studies", name="over"), "Start")
    assert asked == []
    assert "is within the budget of 10 parameters" in texts(page)
    assert "Start it all the same" in labels(page)


def test_the_dashboard_is_offered_started_and_stopped(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    states = [Dashboard("stopped")]
    for place in ("actions", "live"):
        monkeypatch.setattr(f"pages.parts.studies.{place}.find_dashboard", lambda: states[-1])
    monkeypatch.setattr(
        "pages.parts.studies.actions.start_dashboard", lambda: states.append(Dashboard("running", "http://here:1"))
    )
    monkeypatch.setattr("pages.parts.studies.actions.stop_dashboard", lambda: states.append(Dashboard("stopped")))
    make_study("done")
    page = press(open_page("studies", name="done"), "Start optuna-dashboard")
    links = [link.proto.url for link in page.get("link_button")]
    assert links == [f"http://here:1/dashboard/studies/{open_study('done').optuna()._study_id}"]
    assert "Start optuna-dashboard" in labels(press(page, "Stop optuna-dashboard"))
