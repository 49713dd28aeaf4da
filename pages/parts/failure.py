"""What a visitor sees when a page fails: a calm sentence with an id; the rest stands in the server's log."""

from __future__ import annotations

import streamlit as st

from server.failures import ADVICE, log_failure


def show_failure(error: Exception) -> bool:
    """Logs the error under a fresh id and shows that id. True: Streamlit need show nothing of its own."""
    failure_id = log_failure(error)
    st.error(f"This part of the page could not be shown. {ADVICE} **{failure_id}**.", icon=":material/error:")
    return True


def tell(error: Exception) -> str:
    """What an expected error says to a visitor; an error of the file system would also tell where the file lies."""
    return (error.strerror or "a file could not be read or written") if isinstance(error, OSError) else str(error)
