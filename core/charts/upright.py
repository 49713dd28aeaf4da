"""Parallel coordinates: upright axes side by side, the ranges drawn on them, and the colours of the result.

Drawn as lines of an ordinary chart. Plotly's own kind needs WebGL, and where the browser has no graphics card for it,
its shaders stop the page for seconds; nor does it know a logarithm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from core.charts.figure import as_text, lay_out, shorten
from core.charts.palette import GREY, Ink

# By the key of an axis, the path of a field or the key of a figure: from where to where, 0 to 1 of its height.
Ranges = Mapping[str, tuple[float, float]]

COLOUR_STEPS = tuple(step / 40 for step in range(41))  # heights on the axis of the result
AXIS_WIDTH = 110  # pixels that its name and the values beside it need
MOST_LETTERS = 120  # of a value beside an axis; the browser cuts it to the room that there is before the next one
MOST_STOPS = 60  # of an axis on which a range is chosen by the keyboard
_NARROW = 0.02  # so much around a single value that was clicked
_BARE = {"showgrid": False, "showline": False, "ticks": "", "fixedrange": True}


@dataclass(frozen=True)
class Upright:
    """One upright axis: where each line crosses it, 0 to 1, and its tick labels. None where a line leaves it out."""

    key: str
    title: str
    heights: Sequence[float | None]
    ticks: Sequence[tuple[float, str]]


@dataclass(frozen=True)
class Stops:
    """The values on one axis by what they are called, from the lowest up, each with its lowest and highest height."""

    key: str
    title: str
    heights: Mapping[str, tuple[float, float]]


def find_stops(axis: Upright, tell: Callable[[int], str]) -> Stops:
    """Between which values a range of the axis can lie: of many about `MOST_STOPS`, evenly spaced, with both ends.

    `tell` says what the line of this index has there.
    """
    crossed = [(height, index) for index, height in enumerate(axis.heights) if height is not None]
    crossed.sort(key=lambda each: each[0])
    if len({height for height, _ in crossed}) > MOST_STOPS:
        step = (len(crossed) - 1) / (MOST_STOPS - 1)
        crossed = [crossed[int(place * step)] for place in range(MOST_STOPS - 1)] + crossed[-1:]
    spans: dict[str, tuple[float, float]] = {}
    for height, index in crossed:
        text = tell(index)
        spans[text] = (spans.get(text, (height, height))[0], height)
    return Stops(axis.key, axis.title, spans)


def passes(uprights: Sequence[Upright], index: int, ranges: Ranges) -> bool:
    """Whether the line of this index crosses each of the axes within its range; ranges of other axes do not count."""
    crossed = [(axis.heights[index], *ranges[axis.key]) for axis in uprights if axis.key in ranges]
    return all(height is not None and low <= height <= high for height, low, high in crossed)


def nearest_step(height: float) -> float:
    """The colour's step that is nearest to a height, 0 to 1."""
    return COLOUR_STEPS[round(height * (len(COLOUR_STEPS) - 1))]


def lay_out_uprights(
    uprights: Sequence[Upright], title: str, count: int, ranges: Ranges, inks: Mapping[float, Ink]
) -> dict[str, Any]:
    """The axes with their values beside them and the ranges on them; `inks` colour the last, by height.

    `meta.brush` tells the chart that ranges can be drawn on them.
    """
    layout = lay_out(title, "", count)
    layout["dragmode"] = False
    layout["xaxis"] |= {
        "range": [-0.25, len(uprights) - 0.6],
        "tickvals": list(range(len(uprights))),
        "ticktext": [as_text(axis.title) for axis in uprights],
        "side": "top",
        "ticklabeloverflow": "allow",
        **_BARE,
    }
    layout["yaxis"] |= {"range": [-0.06, 1.1], "showticklabels": False, **_BARE}
    layout["margin"] |= {"t": 30, "l": 50, "r": 60}
    layout["annotations"] = list(_label(uprights))
    layout["shapes"] = [
        {"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "line": {"color": GREY, "width": 1}, "layer": "below"}
        for at in range(len(uprights))
    ]
    layout["shapes"] += [_draw_key(len(uprights) - 1, height, ink) for height, ink in inks.items()]
    drawn = [(at, ranges[axis.key]) for at, axis in enumerate(uprights) if axis.key in ranges]
    layout["shapes"] += [_draw_range(at, *ends) for at, ends in drawn]
    layout["meta"] = {"brush": [{"key": axis.key, "range": ranges.get(axis.key)} for axis in uprights]}
    return layout


def _label(uprights: Sequence[Upright]) -> Iterator[dict[str, Any]]:
    beside = {"showarrow": False, "xanchor": "left", "xshift": 10, "yshift": 9, "font": {"size": 11}}
    for at, axis in enumerate(uprights):
        for height, text in axis.ticks:
            yield {"x": at, "y": height, "text": as_text(shorten(text, MOST_LETTERS)), **beside}


def _draw_key(at: int, height: float, ink: Ink) -> dict[str, Any]:
    """One step of the colours on the axis of the result."""
    half = 0.5 / (len(COLOUR_STEPS) - 1)
    across = {"xsizemode": "pixel", "xanchor": at, "x0": -3, "x1": 3, "layer": "below"}
    ends = {"y0": max(0.0, height - half), "y1": min(1.0, height + half)}
    return {"type": "rect", **ends, **across, "fillcolor": ink.light, "line": {"width": 0}}


def _draw_range(at: int, low: float, high: float) -> dict[str, Any]:
    across = {"xsizemode": "pixel", "xanchor": at, "x0": -7, "x1": 7}
    look = {"line": {"color": GREY, "width": 1.5}, "fillcolor": GREY, "opacity": 0.5}
    return {"type": "rect", "y0": low, "y1": high, **across, **look}


def space_ticks(shown: Mapping[float, str], most: int = 9) -> list[tuple[float, str]]:
    """The values on an axis, by height; of many the lowest, the highest and only those that do not overlap."""
    ticks: list[tuple[float, str]] = []
    heights = sorted(shown)
    for height in [*heights[:1], *heights[:0:-1]]:
        if all(abs(height - other) >= 1 / most for other, _ in ticks):
            ticks.append((height, shown[height]))
    return ticks


# Ranges in an address, as `train.learning_rate:0.2:0.8`, one after the other with a semicolon between; one that is part
# of a key, as of another tool's, is written %3B.


def read_ranges(text: str) -> dict[str, tuple[float, float]]:
    """What cannot be read is left out."""
    found = {}
    for part in text.split(";"):
        key, *told = part.rsplit(":", 2)
        try:
            low, high = (float(end) for end in told)
        except ValueError:
            continue
        if 0 <= low <= high <= 1:
            ends = (max(0, low - _NARROW / 2), min(1, high + _NARROW / 2)) if low == high else (low, high)
            found[unquote(key)] = ends
    return found


def write_ranges(ranges: Ranges) -> str:
    return ";".join(f"{_mask(key)}:{low:.3g}:{high:.3g}" for key, (low, high) in ranges.items())


def _mask(key: str) -> str:
    return key.replace("%", "%25").replace(";", "%3B")


def change_ranges(ranges: Ranges, drawn: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """With what a person drew on one axis, {"axis": its key, "range": [low, high] or None}."""
    others = {key: ends for key, ends in ranges.items() if key != drawn["axis"]}
    return others | ({drawn["axis"]: (drawn["range"][0], drawn["range"][1])} if drawn["range"] else {})
