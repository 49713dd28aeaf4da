"""What a visitor sees when a page fails: a calm sentence with an id; the rest is in the server's log."""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.system.errors import LabError, explain_os_error
from pages.parts.frame.style import show_alert
from server.failures import ADVICE, log_failure

_LEFT = "failure.left"


def show_failure(error: Exception) -> bool:
    """Logs the error under a fresh id and shows that id; or, of an expected kind, what it says itself.

    True: Streamlit need show nothing of its own.
    """
    # A full disk, a folder without rights, a run that was deleted meanwhile.
    told = tell(error) if isinstance(error, LabError | OSError) else ""
    failure_id = log_failure(error)
    context = get_script_run_ctx()
    if context is not None and not context.has_script_started:
        # A callback failed, before anything is drawn: alone, the sentence would be all that is left of the page.
        st.session_state[_LEFT] = (told, failure_id)
        st.rerun()
    _show(told, f"This part of the page could not be shown. {ADVICE}", failure_id)
    return True


def show_left_failure() -> None:
    """What went wrong in the last click, once; the frame shows it above the page."""
    if left := st.session_state.pop(_LEFT, None):
        told, failure_id = left
        _show(told, f"This did not work. {ADVICE}", failure_id)


def _show(told: str, sentence: str, failure_id: str) -> None:
    if told:
        show_alert(told)
        return
    st.error(f"{sentence} **{failure_id}**.", icon=":material/error:")


def tell(error: Exception) -> str:
    """An expected error as a sentence; without the path that an error of the file system holds."""
    text = explain_os_error(error) if isinstance(error, OSError) else str(error)
    text = text.replace("\n", "; ")
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "?")) else ".")
