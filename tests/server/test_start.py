"""What is settled before the server starts; tests/security starts servers that must refuse."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from streamlit import config

from core.data.folder import ROOTS
from core.notify.settings import LOCAL, Settings, may_reach_local
from server import start
from server.sign_in import SignIn
from server.start import FIXED, StartError, check_start, confine_visitors


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Streamlit's options as delivered; what a test writes here is what the server finds."""
    values: dict[str, object] = {name: value for name, (value, _) in FIXED.items()}
    values |= {"server.allowedHosts": ["127.0.0.1"], "server.address": "127.0.0.1", "server.trustedUserHeaders": {}}
    monkeypatch.setattr(config, "get_option", values.__getitem__)
    monkeypatch.setattr(start, "find_sign_in", lambda: None)
    return values


def test_as_delivered_the_server_starts_for_this_machine(options: dict[str, object]) -> None:
    assert check_start() is None


@pytest.mark.parametrize("name", FIXED)
def test_each_option_that_safety_rests_on_is_asked(options: dict[str, object], name: str) -> None:
    options[name] = not options[name]
    with pytest.raises(StartError, match=rf"^{name} must be (true|false): else "):
        check_start()


@pytest.mark.parametrize("address", [None, "", "0.0.0.0", "192.0.2.1"])
def test_an_address_that_others_reach_needs_a_sign_in(options: dict[str, object], address: str | None) -> None:
    options["server.address"] = address
    with pytest.raises(StartError, match="others could reach this lab"):
        check_start()


def test_any_host_is_no_list_of_hosts(options: dict[str, object]) -> None:
    options["server.allowedHosts"] = [" * "]
    with pytest.raises(StartError, match=r"^server\.allowedHosts must name hosts"):
        check_start()


def test_visitors_who_sign_in_read_and_reach_no_more_than_the_labs_own(
    lab_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (ROOTS, LOCAL):
        monkeypatch.setenv(name, "")  # so that the test's end restores it
        monkeypatch.delenv(name)
    confine_visitors(None)
    assert not {ROOTS, LOCAL} & set(os.environ)
    signed_in: SignIn = object()  # type: ignore[assignment] - only whether there is one counts
    confine_visitors(signed_in)
    assert os.environ[ROOTS] == str(lab_folders / "data")
    assert not may_reach_local(Settings(allow_local=True))
