"""What is put right in Streamlit; for requests of a left page's timer tests/browser/test_page_switch.py shows why."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.web.server.starlette.starlette_server import _bind_socket
from uvicorn import Config
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from server.patches import answer_at_once, ignore_left_pages


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The requests that reached Streamlit's own method."""
    seen: list[Any] = []
    monkeypatch.setattr(ScriptRunner, "_run_script", lambda self, data: seen.append(data))
    ignore_left_pages()
    return seen


def ask(page: str, opened: str = "runs", *, by_timer: bool = True, fragment: bool = True, widget: Any = None) -> Any:
    data = SimpleNamespace(
        page_script_hash=page,
        is_auto_rerun=by_timer,
        fragment_id_queue=["fragment"] if fragment else [],
        widget_states=SimpleNamespace(widgets=[widget] if widget else []),
    )
    runner: Any = SimpleNamespace(_pages_manager=SimpleNamespace(current_page_script_hash=opened))
    ScriptRunner._run_script(runner, data)  # type: ignore[arg-type]
    return data


def test_a_timer_of_a_page_that_was_left_is_passed_over(ran: list[Any]) -> None:
    ask("run")
    assert ran == []


def test_word_of_a_change_to_a_page_that_was_left_is_passed_over(ran: list[Any]) -> None:
    heard = SimpleNamespace(id="$$STREAMLIT_INTERNAL_KEY_$$ID-1-frame_changes__events", json_trigger_value="[1]")
    ask("run", by_timer=False, widget=heard)
    assert ran == []
    clicked = SimpleNamespace(id="$$STREAMLIT_INTERNAL_KEY_$$ID-1-chart__events", json_trigger_value="[1]")
    old = SimpleNamespace(id=heard.id, json_trigger_value="")
    asked = [ask("run", by_timer=False, widget=widget) for widget in (clicked, old)]
    assert ran == asked


def test_everything_else_runs(ran: list[Any]) -> None:
    asked = [ask("runs"), ask(""), ask("run", by_timer=False), ask("run", fragment=False)]
    assert ran == asked


def test_it_is_put_in_place_once(ran: list[Any]) -> None:
    patched = ScriptRunner._run_script
    ignore_left_pages()
    assert ScriptRunner._run_script is patched


def test_what_streamlit_s_server_writes_leaves_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(AutoHTTPProtocol, "connection_made", lambda self, transport: seen.append(transport))
    answer_at_once()
    answer_at_once()  # in place once
    config = Config("app:app")
    config.load_app = lambda: None  # type: ignore[method-assign,assignment,return-value]
    config.load()
    with _bind_socket("127.0.0.1", 0, 1) as listening:
        listening.setblocking(True)
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as wire:
            assert wire.proto == 0, "asyncio sees to it by itself now: the patch can go"
            transport = SimpleNamespace(get_extra_info={"socket": wire}.get)
            config.http_protocol_class.connection_made(SimpleNamespace(), transport)  # type: ignore[arg-type,union-attr]
            assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert seen == [transport]
