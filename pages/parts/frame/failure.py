"""What a visitor sees when a page fails: a calm sentence with an id; the rest is in the server's log."""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from server.failures import ADVICE, log_failure

_LEFT = "failure.left"


def show_failure(error: Exception) -> bool:
    """Logs the error under a fresh id and shows that id. True: Streamlit need show nothing of its own."""
    failure_id = log_failure(error)
    context = get_script_run_ctx()
    if context is None or context.has_script_started:
        _show(f"This part of the page could not be shown. {ADVICE}", failure_id)
    else:
        # A callback failed, before anything is drawn: alone, the sentence would be all that is left of the page.
        st.session_state[_LEFT] = failure_id
        st.rerun()
    return True


def show_left_failure() -> None:
    """What went wrong in the last click, once; the frame shows it above the page."""
    if failure_id := st.session_state.pop(_LEFT, ""):
        _show(f"This did not work. {ADVICE}", failure_id)


def _show(sentence: str, failure_id: str) -> None:
    st.error(f"{sentence} **{failure_id}**.", icon=":material/error:")


def tell(error: Exception) -> str:
    """An expected error as a sentence; without the path that an error of the file system holds."""
    text = (error.strerror or "a file could not be read or written") if isinstance(error, OSError) else str(error)
    text = text.replace("\n", "; ")
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "?")) else ".")
