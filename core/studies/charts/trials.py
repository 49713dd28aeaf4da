"""A study over its trials and its time: History, Timeline and Intermediate Values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np

from core.charts.figure import axis_title
from core.charts.lines import thin
from core.studies.charts import axes
from core.studies.charts.axes import Drawn, Layout, StudyView, Trace
from core.studies.importance import Importance
from core.studies.objectives import OBJECTIVES
from core.studies.points import FloatArray, Points
from core.studies.trials import TrialStateName

MAX_CURVE_POINTS = 20_000  # of all intermediate curves together: what a browser draws in a fifth of a second
LEAST_CURVE_POINTS = 8


def draw_history(points: Points, view: StudyView, _: Importance) -> Drawn:
    """Every trial's value by its number, and the best so far."""
    objective = view.objective
    if not points.with_value(objective, view.pruned).any():
        return axes.draw_nothing()
    traces = [_draw_best(points, objective)]
    if view.pruned:
        traces.append(_draw_values(points, objective, "pruned"))
    traces.append(_draw_values(points, objective, "finished"))
    layout = {
        "xaxis": axes.make_number_axis(points),
        "yaxis": axes.make_value_axis(
            points, objective, view.log, [points.values[points.with_value(objective, view.pruned), objective]]
        ),
        "showlegend": True,
    }
    return traces, layout, ()


def _draw_values(points: Points, objective: int, state: TrialStateName) -> Trace:
    rows = np.flatnonzero(points.where(state) & np.isfinite(points.values[:, objective]))
    symbol = "circle-open" if state == "pruned" else "circle"
    width = 1.2 if state == "pruned" else 0
    marker = {"color": axes.STATE_COLOURS[state], "symbol": symbol, "size": 7, "line": {"width": width}}
    marks = axes.mark_trials(points, rows, name=f"{state.capitalize()} trials", uid=state, marker=marker)
    return marks | {"x": points.numbers[rows], "y": points.values[rows, objective]}


def _draw_best(points: Points, objective: int) -> Trace:
    """The best value so far, on to the last trial: nothing since was better."""
    rows, sign = np.flatnonzero(points.with_value(objective, False)), points.sign(objective)
    best = sign * np.minimum.accumulate(sign * points.values[rows, objective])
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "Best so far",
        "uid": "best",
        "x": np.append(points.numbers[rows], points.numbers[-1:]),
        "y": np.append(best, best[-1:]),
        "line": {"color": axes.BEST, "width": 2, "shape": "hv"},
        "hoverinfo": "skip",
        "meta": {"run": points.study, "series": "best"},
    }


def draw_timeline(points: Points, view: StudyView, _: Importance) -> Drawn:
    """When each trial began and ended, and how."""
    begun = np.isfinite(points.started)
    if not begun.any():
        return axes.draw_nothing("There is nothing to draw before the first trial has begun.")
    now = datetime.now().timestamp()
    traces: list[Trace] = []
    for state, colour in axes.STATE_COLOURS.items():
        rows = np.flatnonzero(begun & points.where(state))
        if not len(rows):
            continue
        ends = np.where(np.isfinite(points.ended[rows]), points.ended[rows], now)
        lasted = np.maximum(ends - points.started[rows], 0.2)
        bars = axes.mark_trials(points, rows, name=state.capitalize(), uid=state, type="bar", orientation="h")
        bars["hovertext"] = [f"{text}<br>{s:,.1f} s" for text, s in zip(bars["hovertext"], lasted, strict=True)]
        # As text: a date in milliseconds is more than a float32 holds.
        bars["base"] = _write_moments(points.started[rows], "milliseconds")
        bars |= {"x": [round(1000 * float(second)) for second in lasted], "y": points.numbers[rows]}
        traces.append(bars | {"marker": {"color": colour, "line": {"width": 0}}})
    y_axis = {**axes.make_number_axis(points), "autorange": "reversed"}
    layout = {"xaxis": {"type": "date", "automargin": True}, "yaxis": y_axis, "barmode": "overlay"}
    table = axes.tabulate_trials(points, np.flatnonzero(begun))
    table["meta"]["table"] += [
        {"name": name, "values": _write_moments(moments[begun], "seconds")}
        for name, moments in (("Started", points.started), ("Ended", points.ended))
    ]
    return traces, {**layout, **table, "bargap": 0.25, "showlegend": True}, ()


def _write_moments(moments: FloatArray, precision: str) -> list[str | None]:
    return [
        datetime.fromtimestamp(moment).isoformat(timespec=precision) if np.isfinite(moment) else None
        for moment in moments.tolist()
    ]


def draw_intermediate(points: Points, view: StudyView, _: Importance) -> Drawn:
    """What every trial reported, epoch by epoch; the best one stands out."""
    shown = [index for index, (epochs, _) in enumerate(points.curves) if len(epochs)]
    if not view.pruned:
        shown = [index for index in shown if points.states[index] != "pruned"]
    if not shown:
        return axes.draw_nothing("The curves begin with the first epoch of the first trial.")
    best = axes.find_best(points, 0)
    most = max(LEAST_CURVE_POINTS, MAX_CURVE_POINTS // len(shown))
    traces = []
    states: tuple[TrialStateName, ...] = ("pruned", "failed", "interrupted", "finished", "running")
    for state in states:
        rows = [row for row in shown if points.states[row] == state and row != best]
        line: Layout = {
            "color": axes.STATE_COLOURS[state],
            "width": 1.2,
            "dash": "dot" if state == "pruned" else "solid",
        }
        if rows:
            traces.append(_join_curves(points, rows, most, name=state.capitalize(), uid=state, line=line))
    if best is not None and best in shown:
        line = {"color": axes.BEST, "width": 3}
        name = f"Best: trial {points.numbers[best]}"
        traces.append(_join_curves(points, [best], most, name=name, uid="best", line=line))
    longest = max(float(points.curves[row][0].max()) for row in shown)
    x_axis = {"title": axis_title("Epoch"), "tickformat": "d", **({"dtick": 1} if longest <= 12 else {"nticks": 12})}
    y_axis = axes.make_value_axis(points, 0, view.log, [points.curves[row][1] for row in shown])
    layout = {"xaxis": x_axis, "yaxis": y_axis, "showlegend": True}
    thinned = any(len(points.curves[row][0]) > most for row in shown)
    return traces, layout, (f"Thinned to {most} points a trial.",) if thinned else ()


def _join_curves(points: Points, rows: Sequence[int], most: int, **trace: Any) -> Trace:
    """Many curves as one line with gaps: a browser draws one trace of many points far quicker than many traces."""
    x: list[FloatArray] = []
    y: list[FloatArray] = []
    numbers: list[int] = []
    for row in rows:
        epochs, values = points.curves[row]
        kept = thin(values.astype(np.float32), most)
        x += [epochs[kept], np.full(1, np.nan)]
        y += [values[kept], np.full(1, np.nan)]
        numbers += [int(points.numbers[row])] * (len(kept) + 1)
    single = all(len(points.curves[row][0]) == 1 for row in rows)
    told = _tell_values(points, np.concatenate(y))
    return {
        "type": "scatter",
        "mode": "markers" if single else "lines",
        "connectgaps": False,
        "x": np.concatenate(x),
        "y": np.concatenate(y),
        "customdata": numbers,
        "meta": {"run": points.study, "series": trace["name"], "custom": "trial"},
        **told,
        **trace,
    }


def _tell_values(points: Points, values: FloatArray) -> Trace:
    """What a point says: a number in Plotly's own format, a share as text, as Plotly writes 84.10%."""
    entry = OBJECTIVES[points.objectives[0]]
    told, text = f"%{{y:{entry.number}}}", {}
    if entry.is_share:
        told, text = "%{text}", {"text": [entry.show(value) for value in values.tolist()]}
    return {"hovertemplate": f"<b>Trial %{{customdata}}</b><br>epoch %{{x}}: {told}<extra></extra>", **text}
