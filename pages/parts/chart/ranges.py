"""Ranges on the axes of parallel coordinates without a pointer: a slider an axis, between the values of the lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from core.charts.upright import Ranges, Stops, change_ranges, read_ranges, write_ranges
from pages.parts.frame.address import set_params

_EDGE = 0.002  # around a value: an address holds three digits of its height


def read_drawn() -> dict[str, tuple[float, float]]:
    """The ranges that the address has."""
    return read_ranges(st.query_params.get("brush", ""))


def keep_ranges(ranges: Ranges) -> None:
    """The ranges are kept in the address."""
    set_params(brush=write_ranges(ranges))


def choose_ranges(name: str, list_stops: Callable[[], Sequence[Stops]]) -> None:
    """A button that opens the sliders; they follow what is drawn with the pointer, and the figure follows them.

    `name` keeps those of one page apart from another's. The stops are asked for where it is open.
    """
    popover = st.popover("Ranges", icon=":material/tune:", key=f"{name}.ranges", on_change="rerun")
    if not popover.open:
        return
    drawn = read_drawn()
    with popover, st.container(width=320):
        for stops in list_stops():
            if len(stops.heights) > 1:
                _show_slider(f"{name}.range.{stops.key}", stops, drawn.get(stops.key))


def _show_slider(begun: str, stops: Stops, drawn: tuple[float, float] | None) -> None:
    ends = find_ends(stops, drawn)
    begin, count = st.session_state.get(begun, (ends, 0))
    if st.session_state.get(f"{begun}.{count}", begin) != ends:  # drawn or lifted with the pointer meanwhile
        begin, count = ends, count + 1
    st.session_state[begun] = begin, count
    key = f"{begun}.{count}"
    # What it began with stays its default: with another one it would be another slider, without the focus.
    st.select_slider(stops.title, list(stops.heights), begin, key=key, on_change=_keep, args=(stops, key))


def find_ends(stops: Stops, drawn: tuple[float, float] | None) -> tuple[str, str]:
    """The first and the last value within a range; both the nearest one where it holds none."""
    low, high = drawn or (0.0, 1.0)
    inside = [text for text, (lowest, highest) in stops.heights.items() if low <= highest and lowest <= high]
    if not inside:
        inside = [min(stops.heights, key=lambda text: abs(stops.heights[text][0] - (low + high) / 2))]
    return inside[0], inside[-1]


def find_range(stops: Stops, first: str, last: str) -> tuple[float, float] | None:
    """The heights between two values; None from end to end."""
    low, high = stops.heights[first][0], stops.heights[last][1]
    values = list(stops.heights)
    if (first, last) == (values[0], values[-1]):
        return None
    return max(0.0, low - _EDGE), min(1.0, high + _EDGE)


def _keep(stops: Stops, key: str) -> None:
    first, last = st.session_state[key]
    keep_ranges(change_ranges(read_drawn(), {"axis": stops.key, "range": find_range(stops, first, last)}))
