"""This machine and its own network are not reached, by whatever address or name they are called."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from core.notify import addresses
from core.notify.addresses import connect, describe_trouble, find_addresses, is_public
from core.notify.settings import LOCAL, NotifyError, may_reach_local, parse_settings
from tests.receivers import Hook


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1",
        "169.254.169.254", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1",
        "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "::8.8.8.8", "64:ff9b::127.0.0.1",
        "64:ff9b::10.0.0.1", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::", "no address", "",
    ],
)  # fmt: skip
def test_special_addresses_are_not_the_internets(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "172.32.0.1", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"])
def test_the_internets_are(address: str) -> None:
    assert is_public(address)


def test_a_public_address_of_this_machine_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    card = [SimpleNamespace(address="8.8.8.8")]
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: {"eth0": card})
    assert not is_public("8.8.8.8")
    assert not is_public("::ffff:8.8.8.8")
    assert is_public("8.8.4.4")


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f.1", "0", "::1", "127.0.0.1"])
def test_other_spellings_of_this_machine_are_refused_once_resolved(host: str) -> None:
    with pytest.raises(NotifyError) as caught:
        find_addresses(host, 80, local=False)
    assert not caught.value.passes or "not known" in str(caught.value)


def resolve_to(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """The system resolves every name to these, one answer a question; returns the names asked for."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        if host[0].isdigit() or ":" in host:
            return real(host, port, *args, **kwargs)
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET6 if ":" in each else socket.AF_INET, 1, 6, "", (each, port)) for each in found]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", resolve)
    return asked


def test_one_local_address_among_public_ones_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, ["8.8.8.8", "10.0.0.7"])
    with pytest.raises(NotifyError, match="this machine or its own network"):
        find_addresses("hook.test", 443, local=False)


def test_a_name_is_resolved_once_and_what_was_checked_is_connected_to(
    monkeypatch: pytest.MonkeyPatch, hook: Hook
) -> None:
    asked = resolve_to(monkeypatch, ["127.0.0.1"], ["192.0.2.1"])
    with connect("hook.test", hook.server_port, 5, local=True) as connection:
        assert connection.getpeername() == ("127.0.0.1", hook.server_port)
    assert asked == ["hook.test"]


def test_the_next_address_is_tried_where_nothing_listens(monkeypatch: pytest.MonkeyPatch, hook: Hook) -> None:
    resolve_to(monkeypatch, ["::1", "127.0.0.1"])
    with connect("hook.test", hook.server_port, 5, local=True) as connection:
        assert connection.getpeername()[0] == "127.0.0.1"


def test_a_name_that_is_not_known_may_be_known_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(addresses.socket, "getaddrinfo", fail)
    with pytest.raises(NotifyError) as caught:
        find_addresses("hook.test", 443, local=False)
    assert caught.value.passes


@pytest.mark.parametrize(
    ("said", "set_", "may"),
    [
        *[("", False, False), ("", True, True), ("no", True, False), ("yes", False, True)],
        *[(said, True, False) for said in ("0", "false", "off")],
    ],
)
def test_whoever_starts_the_server_has_the_last_word(
    monkeypatch: pytest.MonkeyPatch, said: str, set_: bool, may: bool
) -> None:
    monkeypatch.setenv(LOCAL, said)
    assert may_reach_local(parse_settings({"allow_local": set_})) is may


def test_trouble_is_told_without_the_address() -> None:
    error = describe_trouble(OSError(113, "No route to host 10.1.2.3"))
    assert str(error) == "Its server could not be reached: no route to host."
    assert error.passes
