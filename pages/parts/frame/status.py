"""What the header says of all runs, and whether the page below it knows better by now."""

from __future__ import annotations

from typing import NoReturn

import streamlit as st

from core.runs.listing import list_known

_SHOWN, _CHANGED = "frame.counts", "frame.changed"
# Every open page asks: one answer a second does for all.
MAX_AGE = 1.0


def count_active(max_age: float = MAX_AGE) -> tuple[int, int]:
    """How many runs train, and how many wait."""
    states = [run.state for run in list_known(max_age=max_age).runs]
    return states.count("running"), states.count("queued")


def count_for_header() -> tuple[int, int]:
    """The counts that the header is about to show: read anew where the page has just seen a change."""
    counts = count_active(0.0 if st.session_state.pop(_CHANGED, False) else MAX_AGE)
    st.session_state[_SHOWN] = counts
    return counts


def is_behind() -> bool:
    """Whether the header shows other counts than there are; without a header, never."""
    return _SHOWN in st.session_state and st.session_state[_SHOWN] != count_active()


def show_change() -> NoReturn:
    """Runs the whole page again, its header too, as a part of it has just seen a run in another state."""
    st.session_state[_CHANGED] = True
    st.rerun()
