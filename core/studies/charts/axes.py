"""What the figures of a study share: axes of objectives and fields, trials as points, their words and colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.charts.figure import LEGEND_ABOVE, as_text, axis_title
from core.studies.objectives import OBJECTIVES
from core.studies.points import Points
from core.studies.trials import TrialStateName

Layout = dict[str, Any]
Trace = dict[str, Any]

# Told apart by people with deuteranopia, protanopia and tritanopia, and on a white and a near-black page.
STATE_COLOURS: dict[TrialStateName, str] = {
    "finished": "#5490fc",
    "pruned": "#b478cc",
    "running": "#48b478",
    "failed": "#b42460",
    "retried": "#b42460",
    "interrupted": "#cc9000",
    "infeasible": "#8a94a3",
}
BEST = "#cc9000"
# From early to late, and from best to worst.
TIME_SCALE = [[0, "#a9b8d8"], [0.5, "#5490fc"], [1, "#4854c0"]]
# Every tick with its own value: by itself Plotly writes 2, 3 and 5 between the powers of ten.
LOG_TICKS = "~g"
WORST_COLOURED = 0.85  # trials beyond this share all have the colour of the worst
VALUE_SCALE = [[0, "#4854c0"], [0.35, "#5490fc"], [0.65, "#b9b3a2"], [1, "#cc9000"]]


@dataclass(frozen=True)
class StudyView:
    """How a study is shown: pruned trials too, a logarithmic objective, which fields and which objectives.

    `ranges` are those drawn on parallel axes: by key, from where to where, 0 to 1.
    """

    pruned: bool = False
    log: bool = False
    fields: tuple[str, ...] = ()
    objective: int = 0
    other_objective: int = 1
    ranges: tuple[tuple[str, tuple[float, float]], ...] = ()


# The traces, the layout, and what a person should know of the figure.
Drawn = tuple[list[Trace], Layout, tuple[str, ...]]
Rows = npt.NDArray[np.intp]

LAYOUT: Layout = {
    "template": None,
    "hovermode": "closest",
    "hoverdistance": 30,
    "dragmode": "zoom",
    "showlegend": False,
    "legend": {**LEGEND_ABOVE, "itemsizing": "constant"},
    "margin": {"l": 56, "r": 16, "t": 8, "b": 44},
}


def draw_nothing(note: str = "There is nothing to draw before the first trial has finished.") -> Drawn:
    """No figure, and why."""
    return [], {}, (note,)


def make_value_axis(points: Points, objective: int, log: bool) -> Layout:
    name = points.objectives[objective]
    axis: Layout = {
        "title": axis_title(OBJECTIVES[name].label),
        "automargin": True,
        "nticks": 7,
        "hoverformat": OBJECTIVES[name].number,
        "type": "log" if log else "linear",
        "uirevision": f"{name} {log}",
        "exponentformat": "SI",
    }
    if log:
        axis["tickformat"] = LOG_TICKS
    if OBJECTIVES[name].is_share:
        known = points.values[np.isfinite(points.values[:, objective]), objective]
        axis["tickformat"] = ".1%" if log or not len(known) or np.ptp(known) < 0.1 else ".0%"
    return axis


def make_field_axis(points: Points, path: str) -> Layout:
    field = points.field(path)
    axis: Layout = {"title": axis_title(field.name), "automargin": True, "uirevision": path, "nticks": 6}
    if field.scale == "log":
        return {**axis, "type": "log", "tickformat": LOG_TICKS, "hoverformat": ".3g"}
    if field.scale == "linear":
        return {**axis, "hoverformat": ".4~g", **({"tickvals": list(field.ticks)} if field.ticks else {})}
    positions = list(range(len(field.labels)))
    labels = [as_text(label) for label in field.labels]
    return {**axis, "tickvals": positions, "ticktext": labels, "range": [-0.5, len(positions) - 0.5], "zeroline": False}


def mark_trials(points: Points, rows: Rows, paths: Sequence[str] = (), **trace: Any) -> Trace:
    """Trials as points that say these fields; their numbers are there for a click."""
    return {
        "type": "scatter",
        "mode": "markers",
        "hovertemplate": "%{hovertext}<extra></extra>",
        "hovertext": describe_trials(points, rows, paths),
        "customdata": [int(number) for number in points.numbers[rows]],
        "meta": {"run": points.study, "series": trace.get("name", "trials")},
        **trace,
    }


def tabulate_trials(points: Points, rows: Rows, paths: Sequence[str] = ()) -> Layout:
    """What a figure's CSV is written from, a row a trial. A column with `labels` holds their indices."""
    states, own = np.unique(points.states[rows], return_inverse=True)
    columns: list[dict[str, Any]] = [
        {"name": "Trial", "values": points.numbers[rows]},
        {"name": "State", "values": own, "labels": states.tolist()},
    ]
    for path in paths:
        field = points.field(path)
        labels = {"labels": field.labels} if field.labels else {}
        columns.append({"name": field.name, "values": points.at(path)[rows], **labels})
    columns += [
        {"name": OBJECTIVES[name].label, "values": points.values[rows, objective]}
        for objective, name in enumerate(points.objectives)
    ]
    return {"meta": {"table": columns}}


def describe_trials(points: Points, rows: Rows, paths: Sequence[str] = ()) -> list[str]:
    """What a trial's point says; complete, as a field's value on an axis may be an index."""
    return [
        "<br>".join(
            [f"<b>Trial {points.numbers[row]}</b> · {points.states[row]}"]
            + [
                f"{OBJECTIVES[name].label} {OBJECTIVES[name].show(value) if np.isfinite(value) else 'unknown'}"
                for name, value in zip(points.objectives, points.values[row].tolist(), strict=True)
            ]
            + [f"{as_text(points.field(path).name)} {_shown(points, row, path)}" for path in paths]
        )
        for row in rows
    ]


def _shown(points: Points, row: int, path: str) -> str:
    position, field = float(points.at(path)[row]), points.field(path)
    if np.isnan(position):
        return "none"
    return as_text(field.labels[int(position)]) if field.scale == "category" else f"{position:.4g}"


def find_best(points: Points, objective: int) -> int | None:
    rows = np.flatnonzero(points.with_value(objective, False))
    return int(rows[np.argmin(points.sign(objective) * points.values[rows, objective])]) if len(rows) else None


def rows_with(points: Points, view: StudyView, paths: Sequence[str]) -> Rows:
    """Rows with a value and all of these fields; the best are drawn last, on top."""
    mask = points.with_value(view.objective, view.pruned)
    rows = np.flatnonzero(np.logical_and.reduce([mask, *(np.isfinite(points.at(path)) for path in paths)]))
    return rows[np.argsort(-points.sign(view.objective) * points.values[rows, view.objective], kind="stable")]


def span_colours(points: Points, objective: int, rows: Rows) -> tuple[float, float]:
    """The values between which colours change: a few wild trials must not make all others look alike."""
    costs = points.sign(objective) * points.values[rows, objective]
    ends = sorted(points.sign(objective) * end for end in (costs.min(), np.quantile(costs, WORST_COLOURED)))
    return float(ends[0]), float(ends[1])


def make_number_axis(points: Points) -> Layout:
    few = {"dtick": 1} if len(points.numbers) <= 12 else {"nticks": 12}
    return {"title": axis_title("Trial"), "tickformat": "d", "automargin": True, **few}


def pick_symbols(points: Points, rows: Rows) -> list[str]:
    return ["circle-open" if state == "pruned" else "circle" for state in points.states[rows]]
