"""What Streamlit 1.67 does otherwise than this lab needs it, put right from outside while the server starts."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Mapping
from typing import Any

from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData
from streamlit.runtime.state.common import is_element_id
from streamlit.runtime.state.safe_session_state import SafeSessionState
from streamlit.runtime.state.session_state import _is_internal_key
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from server.changes import COMPONENT


def answer_at_once() -> None:
    """What is written to a browser leaves at once.

    asyncio sets TCP_NODELAY for sockets that name TCP as their protocol, and Streamlit's names none. The body of an
    answer then waits until the browser has acknowledged its head, up to 40 ms on Linux: half a second for the sixty
    files of a first page.
    """
    connect = AutoHTTPProtocol.connection_made
    if getattr(connect, "answers_at_once", False):
        return

    def connect_and_set(self: Any, transport: asyncio.Transport) -> None:
        wire = transport.get_extra_info("socket")
        if wire is not None and wire.family in (socket.AF_INET, socket.AF_INET6):
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connect(self, transport)

    connect_and_set.answers_at_once = True  # type: ignore[attr-defined]
    AutoHTTPProtocol.connection_made = connect_and_set  # type: ignore[method-assign,assignment]


def ignore_left_pages() -> None:
    """A timer of the page that was left no longer reaches the page that came after it, in any session.

    A fragment that renews itself is asked for by a timer in the browser, or by word of a change, and the browser also
    says for which page. `st.switch_page` leaves that page on the server; until the browser learns of it, it goes on
    asking. Streamlit 1.67 runs such a request after the new page, in the name of the old one, and the browser, now on
    another page, shows nothing from then on. Where a visitor clicks a link, Streamlit stops the timers before it asks
    for the new page. So requests that nobody clicked for any page but the one last opened are passed over.
    """
    run = ScriptRunner._run_script
    if getattr(run, "ignores_left_pages", False):
        return

    def run_unless_left(self: ScriptRunner, rerun_data: RerunData) -> None:
        asked, opened = rerun_data.page_script_hash, self._pages_manager.current_page_script_hash
        left = bool(asked) and asked != opened  # browsers always say for which page; others may ask by its name
        if not (left and rerun_data.fragment_id_queue and _asks_by_itself(rerun_data)):
            run(self, rerun_data)

    run_unless_left.ignores_left_pages = True  # type: ignore[attr-defined]
    ScriptRunner._run_script = run_unless_left  # type: ignore[method-assign]


class OneByOne(Mapping[str, Any]):
    """What a page has under keys of its own in its session, as `SessionState.filtered_state`, looked up key by key."""

    def __init__(self, state: SafeSessionState) -> None:
        self._state, self._lock = state._state, state._lock

    def __getitem__(self, key: str) -> Any:
        if is_element_id(key) or _is_internal_key(key):
            raise KeyError(key)
        with self._lock:
            return self._state[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._gather())

    def __len__(self) -> int:
        return len(self._gather())

    def __repr__(self) -> str:
        return repr(self._gather())

    def _gather(self) -> dict[str, Any]:
        with self._lock:
            return self._state.filtered_state


def look_up_one_by_one() -> None:
    """A widget that looks for its own value no longer has those of all others gathered first.

    Streamlit 1.67 does so in every field for text and every list to choose from, and Build has some seventy: almost a
    third of its time after each change.
    """
    SafeSessionState.filtered_state = property(OneByOne)  # type: ignore[method-assign,assignment]


def _asks_by_itself(rerun_data: RerunData) -> bool:
    """Whether a timer asks, or the component that hears of changes."""
    widgets: Any = rerun_data.widget_states.widgets if rerun_data.widget_states else ()
    return rerun_data.is_auto_rerun or any(
        f"-{COMPONENT}__" in widget.id and widget.json_trigger_value for widget in widgets
    )
