"""What the figures of a study share: axes of objectives and fields, trials as points, their words and colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.charts.figure import LEGEND_ABOVE, as_text, axis_title, count_log_ticks
from core.charts.palette import GREY, RESULT_SCALE, Ink, list_dark_steps, pick_result_ink
from core.studies.objectives import OBJECTIVES
from core.studies.points import FloatArray, Points
from core.studies.trials import TrialStateName

Layout = dict[str, Any]
Trace = dict[str, Any]

# Found by search: any two differ by LEAST_DIFFERENCE, also with deuteranopia, protanopia and tritanopia, and each has
# LEAST_CONTRAST on its ground and its panels.
_FAILED, _INTERRUPTED = Ink("#b42460", "#c23550"), Ink("#9b8914", "#dc8c18")
STATE_INKS: dict[TrialStateName, Ink] = {
    "finished": Ink("#547bfb", "#5591fd"),
    "pruned": Ink("#8062a2", "#8b6cad"),
    "running": Ink("#589663", "#7eb075"),
    "failed": _FAILED,
    "retried": _FAILED,
    "interrupted": _INTERRUPTED,
    "infeasible": Ink(GREY, GREY),
}
STATE_COLOURS = {state: ink.light for state, ink in STATE_INKS.items()}
_BEST = pick_result_ink(1)
BEST = _BEST.light
Scale = list[tuple[float, str]]
# From early to late: on either ground the later stands out more.
_TIMES = ((0.0, Ink("#7f92bd", "#5d6b8f")), (0.5, Ink("#547bfb", "#5591fd")), (1.0, Ink("#4045a8", "#b9ceff")))
# From best to worst.
_RESULTS = tuple((share, pick_result_ink(share)) for share, _ in RESULT_SCALE)
TIME_SCALE: Scale = [(share, ink.light) for share, ink in _TIMES]
VALUE_SCALE: Scale = [(share, ink.light) for share, ink in _RESULTS]
DARK_STEPS = list_dark_steps([*STATE_INKS.values(), _BEST, *(ink for _, ink in (*_TIMES, *_RESULTS))])
# Every tick with its own value: by itself Plotly writes 2, 3 and 5 between the powers of ten.
LOG_TICKS = "~g"
WORST_COLOURED = 0.85  # trials beyond this share all have the colour of the worst


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


def make_value_axis(points: Points, objective: int, log: bool, shown: Sequence[FloatArray] = ()) -> Layout:
    """An axis of an objective; `shown` are the values along it, if they are not all of the trials' own."""
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
        axis |= {"tickformat": LOG_TICKS, "nticks": count_log_ticks(shown or [points.values[:, objective]], 7)}
    if OBJECTIVES[name].is_share:
        known = points.values[np.isfinite(points.values[:, objective]), objective]
        axis["tickformat"] = ".1%" if log or not len(known) or np.ptp(known) < 0.1 else ".0%"
    return axis


def make_field_axis(points: Points, path: str) -> Layout:
    field = points.field(path)
    axis: Layout = {"title": axis_title(field.name), "automargin": True, "uirevision": path, "nticks": 6}
    if field.scale == "log":
        # Of one or two powers of ten 1, 2 and 5, of more each one: 8 and 9 would overlap in a narrow figure.
        known = points.at(path)[np.isfinite(points.at(path))]
        decades = int(np.log10(known.max() / known.min())) if len(known) else 0
        return {**axis, "type": "log", "tickformat": LOG_TICKS, "hoverformat": ".3g", "nticks": max(3, decades)}
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
            + [f"{as_text(points.field(path).name)} {tell_field(points, row, path)}" for path in paths]
        )
        for row in rows
    ]


def tell_field(points: Points, row: int, path: str) -> str:
    """A trial's value of a field as people read it."""
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
