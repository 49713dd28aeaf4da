"""Controls and parts that several pages share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.parts.frame.style import show_alert, show_centred

ALL_RUNS = ("All runs", "runs.py", ":material/table_rows:")


def renew_while(is_busy: Callable[[], bool], show: Callable[[], object], seconds: float = 0.5) -> None:
    """Shows a part that renews itself only while something it waits for is under way; reruns the page at the end."""
    busy = is_busy()

    def show_part() -> None:
        # Before anything is shown: a part that asks again after a failure would do so at every rerun, without end.
        if is_busy() != busy:
            st.rerun()  # only the whole page can start or stop the timer
        show()

    st.fragment(show_part, run_every=seconds if busy else None)()


def turn_pages(count: int, size: int, key: str) -> slice:
    """Which of `count` rows are shown; the page is chosen here and kept in the address."""
    pages = -(-count // size)
    page = min(st.pagination(pages, key=key, bind="query-params"), pages) if pages > 1 else 1
    return slice((page - 1) * size, page * size)


def choose(label: str, labels: Mapping[Any, str], key: str, default: Any, **options: Any) -> Any:
    """One of a few options side by side, by the label of each; kept in the address."""
    # Streamlit logs a warning where a widget has both a default and a value that was set.
    is_set = take_word(labels, key)
    chosen = st.segmented_control(
        label,
        list(labels),
        default=None if is_set else default,
        required=True,
        format_func=labels.__getitem__,
        key=key,
        **{"bind": "query-params", "wrap": True, **options},
    )
    return chosen or default


def take_word(labels: Mapping[Any, str], key: str) -> bool:
    """Lets a link name an option of the widget that comes next by its own word, as `weights=best`, too.

    Streamlit's addresses have the labels: it takes any other word out, and writes the label only where the value is set
    in a run after the first. Returns whether it was set in this run.
    """
    taken, word = f"{key}.word", st.query_params.get(key, "")
    if word and word in map(str, labels) and word not in labels.values():
        st.session_state[key] = st.session_state[taken] = next(option for option in labels if str(option) == word)
    elif (option := st.session_state.pop(taken, None)) and st.session_state.get(key) == option:
        st.session_state[key] = option
    else:
        return False
    return True


def show_empty(sentence: str) -> DeltaGenerator:
    """Why there is nothing yet; returns the place below, for buttons to what can be done next."""
    show_centred(sentence)
    return st.columns([2, 1, 2])[1]


def offer_build(below: DeltaGenerator) -> None:
    """The button that an empty lab leads on with."""
    if below.button("Build a network", icon=":material/tune:", type="primary", width="stretch"):
        st.switch_page("build.py", query_params={})


def show_way_on(message: str, label: str, page: str, icon: str) -> NoReturn:
    """Why there is nothing to show, and a button to a page that has something; ends the script."""
    show_alert(message, is_error=False)
    if st.button(label, icon=icon, type="primary"):
        st.switch_page(page, query_params={})
    st.stop()
