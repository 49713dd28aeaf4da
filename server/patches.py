"""A timer of the page that was left no longer reaches the page that came after it.

A fragment that renews itself is asked for by a timer in the browser, or by word of a change, and the browser also says
for which page. `st.switch_page` leaves that page on the server; until the browser learns of it, it goes on asking.
Streamlit 1.67 runs such a request after the new page, in the name of the old one, and the browser, now on another page,
shows nothing from then on. Where a visitor clicks a link, Streamlit stops the timers before it asks for the new page.
"""

from __future__ import annotations

from typing import Any

from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData

from server.changes import COMPONENT


def ignore_left_pages() -> None:
    """Requests that nobody clicked for any page but the one last opened are passed over, in every session."""
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


def _asks_by_itself(rerun_data: RerunData) -> bool:
    """Whether a timer asks, or the component that hears of changes."""
    widgets: Any = rerun_data.widget_states.widgets if rerun_data.widget_states else ()
    return rerun_data.is_auto_rerun or any(
        f"-{COMPONENT}__" in widget.id and widget.json_trigger_value for widget in widgets
    )
