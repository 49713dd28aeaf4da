"""What a visitor sees when a page fails: a calm sentence with an id; the rest stands in the server's log."""

from __future__ import annotations

import streamlit as st

from server.failures import ADVICE, log_failure


def show_failure(error: Exception) -> bool:
    """Logs the error under a fresh id and shows that id. True: Streamlit need show nothing of its own."""
    failure_id = log_failure(error)
    st.error(f"This part of the page could not be shown. {ADVICE} **{failure_id}**.", icon=":material/error:")
    return True
