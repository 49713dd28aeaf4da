"""Which requests of a page's timer still run; tests/browser/test_page_switch.py shows what it is for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner

from server.patches import ignore_left_pages


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
