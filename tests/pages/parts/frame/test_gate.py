"""Only those on the list see the lab, and everybody else is told why not."""

import logging
import time

import pytest
from streamlit.testing.v1 import AppTest

from pages.parts.frame import gate
from server import sign_in
from server.sign_in import Person, SignIn
from tests.pages.conftest import labels, texts


def see(monkeypatch: pytest.MonkeyPatch, address: str | None) -> None:
    """A lab with sign-in, looked at by a person, or by nobody who is signed in."""
    person = Person(address, True, "key", time.time() + 60) if address else None
    monkeypatch.setattr(sign_in, "_in_use", SignIn("https://lab.example.org", ("@example.org",)))
    monkeypatch.setattr(sign_in, "find_person", lambda: person)


def show() -> None:
    from pages.parts.frame.gate import show_gate, show_visitor

    show_gate()
    show_visitor()


@pytest.mark.parametrize(
    ("address", "let_in"), [("ann@example.org", True), ("eve@elsewhere.org", False), (None, False)]
)
def test_only_people_on_the_list_are_let_in(monkeypatch: pytest.MonkeyPatch, address: str | None, let_in: bool) -> None:
    assert gate.is_let_in(), "without sign-in"
    see(monkeypatch, address)
    assert gate.is_let_in() == let_in


def test_a_stranger_may_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    see(monkeypatch, None)
    page = AppTest.from_function(show).run()
    assert not page.exception, page.exception
    assert labels(page) == ["Sign in"]


def test_a_person_who_is_not_on_the_list_reads_why_and_may_sign_out(monkeypatch: pytest.MonkeyPatch) -> None:
    see(monkeypatch, "eve@elsewhere.org")
    page = AppTest.from_function(show).run()
    assert not page.exception, page.exception
    assert "eve@elsewhere.org is not on the list" in texts(page)
    assert labels(page) == ["Sign out", "Sign out"], "at the gate and in the account's menu"


def test_what_somebody_does_is_logged_with_their_address(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="resnet_lab"):
        gate.note_act("deleted", "run-1")
        assert not caplog.records, "without sign-in nobody has an address"
        see(monkeypatch, "ann@example.org")
        gate.note_act("deleted", "run-1")
    assert [record.getMessage() for record in caplog.records] == ["ann@example.org: deleted run-1"]
