"""One series of another tool as a small chart, as it was logged: steps may repeat or fall."""

from __future__ import annotations

import numpy as np

from core.charts.figure import Drawing, as_text, lay_out, span_ends, to_json
from core.charts.lines import thin
from core.charts.palette import Ink, list_dark_steps
from core.runs.series import Series
from core.text.words import count_of

MAX_POINTS = 400


def draw_series(name: str, series: Series, ink: Ink) -> Drawing:
    """Values by step; what is not finite is a gap, and is counted in a note."""
    values = np.where(np.isfinite(series.values), series.values, np.nan)
    shown = thin(values.astype(np.float32), MAX_POINTS)
    trace = {
        "type": "scatter",
        "mode": "lines" if len(shown) > 1 else "markers",
        "uid": "series",
        "x": series.steps[shown].astype(float),
        "y": values[shown],
        "name": as_text(name),
        "line": {"color": ink.light, "width": 1.6},
        "marker": {"color": ink.light, "size": 7},
        "meta": {"run": name, "series": name},
        "hovertemplate": "step %{x:,.0f}<br>%{y:.6g}<extra></extra>",
        "showlegend": False,
    }
    layout = lay_out(name, "step", 1)
    layout["title"] = {"text": as_text(name)}
    if ends := span_ends(values[shown].tolist()):
        layout["yaxis"]["range"] = ends
    layout["meta"] = {"dark": list_dark_steps([ink])}
    lost = len(values) - int(np.isfinite(values).sum())
    notes = (f"{count_of(lost, 'point')} not finite",) if lost else ()
    return Drawing(to_json([trace], layout), name, notes)
