"""The header is as new as the page below it."""

import pytest
import streamlit as st

from core.runs import listing
from pages.parts.frame import status
from tests.pages.sample_runs import make_run, training


@pytest.mark.usefixtures("lab_folders")
def test_the_header_is_behind_as_soon_as_a_run_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    state: dict[str, object] = {}
    monkeypatch.setattr(st, "session_state", state)
    assert not status.is_behind()  # there is no header
    run = make_run()
    with training(run):
        assert status.count_for_header() == (1, 0)
        assert not status.is_behind()
    # What was asked a moment ago counts as known, unless the page has seen a change.
    assert not status.is_behind()
    monkeypatch.setattr(st, "rerun", lambda: None)
    status.show_change()
    assert status.count_for_header() == (0, 0)
    monkeypatch.setattr(listing, "_last", (0.0, *listing._last[1:]))
    with training(run):
        assert status.is_behind()
