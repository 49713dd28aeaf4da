"""What is put right in Streamlit; for requests of a left page's timer tests/browser/test_page_switch.py shows why."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.runtime.state.safe_session_state import SafeSessionState
from streamlit.runtime.state.session_state import SessionState
from streamlit.testing.v1 import AppTest
from streamlit.web.server.starlette.starlette_server import _bind_socket
from uvicorn import Config
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from server.patches import answer_at_once, ignore_left_pages, look_up_one_by_one


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


def show_fields() -> None:
    import streamlit as st

    st.session_state.setdefault("own", 1)
    st.session_state.setdefault("empty", None)
    st.text_input("Named", "as it is", key="named")
    st.text_input("Of no key", "x")
    st.number_input("Empty", value=3, key="empty")
    st.selectbox("Chosen", ["a", "b"], key="chosen")
    kept = {key: value for key, value in st.session_state.items() if key != "seen"}
    st.session_state["seen"] = (kept, len(st.session_state))


def test_a_field_looks_up_its_own_value_alone_and_finds_what_it_would(monkeypatch: pytest.MonkeyPatch) -> None:
    gathered: list[SessionState] = []
    gather = SessionState.filtered_state.fget
    monkeypatch.setattr(SafeSessionState, "filtered_state", SafeSessionState.filtered_state)  # put back at the end
    monkeypatch.setattr(SessionState, "filtered_state", property(lambda self: gathered.append(self) or gather(self)))
    seen, counts = [], []
    for patch in (lambda: None, look_up_one_by_one):
        patch()
        gathered.clear()
        page = AppTest.from_function(show_fields, default_timeout=60).run()
        page.text_input(key="named").set_value("changed").run()
        assert not page.exception
        assert (page.text_input(key="named").value, page.number_input(key="empty").value) == ("changed", None)
        counts.append(len(gathered))
        seen.append(page.session_state["seen"])
    assert seen[0] == seen[1]
    assert {"own", "named", "empty", "chosen"} <= set(seen[1][0])
    assert counts[0] >= counts[1] + 2 * 4, "Streamlit looks up one by one itself by now: the patch can go"
