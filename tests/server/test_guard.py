"""The guard by itself, around an application of one route; tests/security asks a running lab."""

from __future__ import annotations

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from server.doors import OWN_NAMES, Door
from server.guard import POLICY, Guard, without_cookies
from server.sign_in import COOKIES

NOT_FOR_VISITORS = "the cause"


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "/fails":
        raise RuntimeError(NOT_FOR_VISITORS)
    await PlainTextResponse("hello")(scope, receive, send)


def visit(host: str = "127.0.0.1", names: tuple[str, ...] = tuple(OWN_NAMES)) -> TestClient:
    """A client whose request is taken at the address `host`, by a door that knows `names`."""
    return TestClient(Guard(answer, Door(names, ())), base_url=f"http://{host}")


def test_a_visitor_of_this_machine_is_answered_with_the_policy() -> None:
    response = visit().get("/")
    assert (response.status_code, response.text) == (200, "hello")
    assert response.headers["content-security-policy"] == POLICY


def test_a_foreign_name_is_refused_in_a_sentence() -> None:
    response = visit("lab.example").get("/")
    assert response.status_code in (400, 403, 421)
    assert response.text.strip().endswith(".")
    assert "hello" not in response.text


def test_without_sign_in_an_address_that_others_reach_is_refused() -> None:
    response = visit("lab.example", names=("lab.example",)).get("/")
    assert response.status_code == 403
    assert "serves its machine alone" in response.text


def test_a_route_that_raises_answers_with_an_id_and_no_cause(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("ERROR", "resnet_lab"):
        response = visit().get("/fails")
    assert response.status_code == 500
    assert NOT_FOR_VISITORS not in response.text
    failure_id = caplog.records[-1].args[0]  # type: ignore[index]
    assert str(failure_id) in response.text


def test_only_cookies_of_the_sign_in_are_taken_away() -> None:
    scope = {"headers": [(b"cookie", f"theme=dark; {COOKIES[0]}=secret".encode()), (b"accept", b"*/*")]}
    assert without_cookies(scope)["headers"] == [(b"cookie", b"theme=dark"), (b"accept", b"*/*")]
