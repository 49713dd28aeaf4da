"""What stands where a study would, while the storage does not answer; the page goes on by itself once it does."""

from __future__ import annotations

import streamlit as st

from core.studies.storage import StorageError, StudyError, shown_url
from core.studies.study import list_studies
from pages.parts.frame.pace import live_fragment
from pages.parts.frame.style import show_alert

LIVE_SECONDS = 1.5


def show_trouble(error: StudyError) -> None:
    """Why the storage cannot be used, and where it is. Of all pages only this one needs it."""
    show_alert(str(error))
    st.caption(f"Studies are kept in {shown_url()}. Runs do not need it and are not affected.")
    if isinstance(error, StorageError):
        live_fragment(ask_again, LIVE_SECONDS)()


def ask_again() -> None:
    """Shows the whole page anew as soon as the storage answers."""
    try:
        list_studies()
    except StorageError:
        return
    except StudyError:
        pass  # another trouble, which the page tells
    st.rerun()
