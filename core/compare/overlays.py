"""What is said of a run's curve, drawn on it: points that a sentence speaks of, and where the curve will end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from core.charts.figure import as_text, trace_id
from core.compare.lines import Curve, CurveView, Fan, Line, Mark
from core.text.formats import format_number, format_percent

MARK_COLOUR = "#d97706"  # seen on both grounds, and no run's
BAND_OPACITY = "2e"  # the last two digits of `#rrggbbaa`


def draw_overlays(line: Line, curve: Curve, view: CurveView, *, alone: bool = True) -> list[dict[str, Any]]:
    """The marks and the fan of a run's line over its epochs, if the view has any of its column.

    Not `alone` in its chart, it has those that name it, and a click on its name in the legend hides them with it.
    """

    def is_meant(said: Mark | Fan) -> bool:
        return said.column == line.part.column and (alone or said.run == line.unit.id)

    marks, fans = [mark for mark in view.marks if is_meant(mark)], [fan for fan in view.fans if is_meant(fan)]
    drawn = [*_draw_marks(line, marks), *(_draw_fan(line, curve, fans[0]) if fans and view.x == "epoch" else [])]
    return drawn if alone else [trace | {"legendgroup": line.unit.id, "showlegend": False} for trace in drawn]


def _draw_marks(line: Line, marks: Sequence[Mark]) -> list[dict[str, Any]]:
    """A diamond at each point of the line that something is said of; several words for one point share it."""
    epochs = line.unit.first.column("epoch")
    said: dict[int, list[str]] = {}
    for mark in marks:
        for index in np.flatnonzero(epochs == mark.epoch):
            said.setdefault(int(index), []).append(mark.label)
    places = [index for index in said if not np.isnan(line.y[index])]
    if not places:
        return []
    return [
        {
            "type": "scatter",
            "uid": trace_id(line.unit.id, line.part.column, "marks"),
            "x": line.x[places],
            "y": line.y[places],
            "mode": "markers",
            "name": "pointed at",
            "showlegend": False,
            "marker": {"size": 12, "symbol": "diamond-open", "color": MARK_COLOUR, "line": {"width": 2}},
            "text": [as_text("; ".join(dict.fromkeys(said[index]))) for index in places],
            "hovertemplate": "%{text}<extra></extra>",
        }
    ]


def _draw_fan(line: Line, curve: Curve, fan: Fan) -> list[dict[str, Any]]:
    """From the line's last point to the interval that it will end in, and dotted to its middle."""
    if not len(line.y) or np.isnan(line.y[-1]):
        return []
    start, ink = float(line.y[-1]), line.unit.ink.light
    shared = {"type": "scatter", "mode": "lines", "legendgroup": "forecast", "showlegend": False}
    tell: Callable[[float], str] = format_percent if curve.number.endswith("%") else format_number
    said = f"80 % of such runs end between {tell(fan.low)} and {tell(fan.high)}<extra></extra>"
    wedge = {
        **shared,
        "uid": trace_id(line.unit.id, line.part.column, "fan"),
        "x": [fan.since, fan.until, fan.until, fan.since],
        "y": [start, fan.low, fan.high, start],
        "fill": "toself",
        "fillcolor": ink + BAND_OPACITY,
        "line": {"width": 0, "color": ink},
        "name": "forecast, 80 %",
        "showlegend": True,
        "hoverinfo": "skip",
    }
    middle = {
        **shared,
        "uid": trace_id(line.unit.id, line.part.column, "middle"),
        "x": [fan.since, fan.until],
        "y": [start, fan.middle],
        "customdata": [[fan.low, fan.high]] * 2,
        "line": {"width": 1.5, "color": ink, "dash": "dot"},
        "name": "forecast",
        "hovertemplate": said,
    }
    return [wedge, middle]
