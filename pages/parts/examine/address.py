"""The choices of the Examine page live in its address alone: widgets are set from it and write back into it.

Streamlit's own bound widgets forget a choice while their tab is closed, and cannot be set by a click elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import streamlit as st

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


def _take_over(name: str, default: Any) -> None:
    write(**{name: None if st.session_state[PREFIX + name] == default else st.session_state[PREFIX + name]})


def write(**values: Any) -> None:
    """Puts choices into the address; None takes one out."""
    for name, value in values.items():
        if value is None:
            st.query_params.pop(name, None)
        else:
            st.query_params[name] = _to_text(value)


def _to_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
