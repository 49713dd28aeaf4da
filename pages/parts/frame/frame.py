"""Which page is open, and whether it was entered just now or only ran again."""

from __future__ import annotations

import streamlit as st

OPEN_KEY, BEFORE_KEY = "frame.open", "frame.before"


def note_page(url_path: str) -> None:
    """Called by the frame once a run of the script, before the page runs."""
    st.session_state[BEFORE_KEY] = st.session_state.get(OPEN_KEY)
    st.session_state[OPEN_KEY] = url_path


def was_entered(url_path: str) -> bool:
    """Whether this page was not the open one in the run before; a page without the frame never is."""
    return OPEN_KEY in st.session_state and st.session_state.get(BEFORE_KEY) != url_path
