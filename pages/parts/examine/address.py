"""The choices of the Examine page live in its address alone: widgets are set from it and write back into it.

Streamlit's own bound widgets forget a choice while their tab is closed, and cannot be set by a click elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st

from pages.parts.frame.address import set_params

PREFIX = "examine."


def read_option(name: str, options: Iterable[str], default: str) -> str:
    """The address's choice if it is one of the options, else the default."""
    value = st.query_params.get(name, default)
    return value if value in set(options) else default


def read_number(name: str, low: float, high: float, default: float) -> float:
    """The address's number, moved into its range; the default if it is no number."""
    try:
        value = float(st.query_params.get(name, default))
    except ValueError:
        return default
    return min(max(value, low), high) if value == value else default


def read_whole(name: str, low: int, high: int, default: int) -> int:
    return int(read_number(name, low, high, default))


def tie(name: str, value: Any, default: Any) -> dict[str, Any]:
    """Arguments that tie a widget to the address, which now holds `value`; the default is left out of it."""
    key = PREFIX + name
    # Only where it differs: what is set here would undo a slider that is still being moved.
    if key not in st.session_state or st.session_state[key] != value:
        st.session_state[key] = value
    return {"key": key, "on_change": _take_over, "args": (name, default)}


def choose_option(label: str, name: str, labels: Mapping[Any, str], **options: Any) -> str:
    """One of a few options side by side, by the label of each; the first is the default."""
    first = next(iter(labels))
    chosen = read_option(name, labels, first)
    tied = tie(name, chosen, first)
    st.segmented_control(label, list(labels), required=True, format_func=labels.__getitem__, **tied, **options)
    return chosen


def _take_over(name: str, default: Any) -> None:
    set_params(**{name: None if st.session_state[PREFIX + name] == default else st.session_state[PREFIX + name]})
