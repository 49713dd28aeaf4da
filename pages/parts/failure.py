"""What a visitor sees when a page fails: a calm sentence with an id; the rest stands in the server's log."""

from __future__ import annotations

import logging
import secrets

import streamlit as st

log = logging.getLogger("resnet_lab")


def show_failure(error: Exception) -> bool:
    """Logs the error under a fresh id and shows that id. True: Streamlit need show nothing of its own."""
    failure_id = secrets.token_hex(4)
    log.error("Failure %s", failure_id, exc_info=error)
    st.error(
        f"This part of the page could not be shown. Runs that train are not affected. Reload the page to try again; "
        f"the server's log tells more under **{failure_id}**.",
        icon=":material/error:",
    )
    return True
