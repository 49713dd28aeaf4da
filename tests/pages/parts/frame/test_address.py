"""A draft and its page's address: which of them wins."""

from __future__ import annotations

from typing import Any

import pytest

from pages.parts.frame import address
from pages.parts.frame.address import STALE_SECONDS, DraftAddress, bring_back, keep_for_return


class Browser:
    """What Streamlit holds of a session."""

    def __init__(self) -> None:
        self.session_state: dict[str, Any] = {}
        self.query_params: dict[str, str] = {}


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Browser:
    made = Browser()
    monkeypatch.setattr(address, "st", made)
    return made


@pytest.fixture
def draft() -> DraftAddress:
    return DraftAddress("build", ("spec", "preset"))


def test_a_link_is_taken_in_once(browser: Browser, draft: DraftAddress) -> None:
    browser.query_params = {"preset": "report"}
    assert draft.find_news(touched=False) == ("preset", "report")
    assert draft.find_news(touched=False) is None


def test_what_is_written_replaces_every_parameter_and_is_no_news(browser: Browser, draft: DraftAddress) -> None:
    browser.query_params = {"preset": "report", "budget": "9"}
    draft.find_news(touched=False)
    draft.write("abc", touched=True)
    assert browser.query_params == {"spec": "abc", "budget": "9"}
    assert draft.find_news(touched=False) is None
    draft.write(None, touched=True)
    assert browser.query_params == {"budget": "9"}


def test_a_change_by_hand_wins_over_the_address(browser: Browser, draft: DraftAddress) -> None:
    browser.query_params = {"spec": "abc"}
    assert draft.find_news(touched=True) is None


def test_an_address_just_left_is_a_late_message_and_later_the_back_button(
    browser: Browser, draft: DraftAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(address.time, "monotonic", lambda: now)
    draft.write("first", touched=True)
    draft.write("second", touched=True)
    browser.query_params = {"spec": "first"}
    assert draft.find_news(touched=False) is None
    now += STALE_SECONDS + 0.1
    assert draft.find_news(touched=False) == ("spec", "first")


def test_an_address_that_cannot_be_used_stays_until_the_draft_is_changed(browser: Browser, draft: DraftAddress) -> None:
    browser.query_params = {"spec": "broken"}
    draft.find_news(touched=False)
    draft.refuse("The link is damaged.")
    draft.write("abc", touched=False)
    assert (draft.notice, browser.query_params) == ("The link is damaged.", {"spec": "broken"})
    draft.find_news(touched=True)
    draft.write("abc", touched=True)
    assert (draft.notice, browser.query_params) == ("", {"spec": "abc"})


def test_who_comes_back_finds_what_was_kept_and_a_link_stands_for_itself(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered = True
    monkeypatch.setattr(address, "was_entered", lambda page: entered)
    browser.query_params = {"sort": "name", "group": "seeds", "q": "x"}
    keep_for_return("runs", "sort", "group")
    browser.query_params = {}
    bring_back("runs", "sort", "group")
    assert browser.query_params == {"sort": "name", "group": "seeds"}
    browser.query_params = {"sort": "-best"}
    bring_back("runs", "sort", "group")
    assert browser.query_params == {"sort": "-best"}
    browser.query_params, entered = {}, False
    bring_back("runs", "sort", "group")
    assert browser.query_params == {}
