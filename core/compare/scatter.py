"""Runs as points: accuracy against cost with its Pareto front."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.charts.figure import Drawing, as_text, axis_title, lay_out, shorten, span_ends, to_json
from core.charts.palette import GREY, MUTED, list_dark_steps
from core.compare.figures import Figure, Pick, find_figure, summary_of
from core.compare.references import Reference, references_for
from core.compare.table import format_figure, format_spread, label_figure
from core.compare.units import Unit
from core.stats.significance import Summary, pareto_front
from core.text.formats import format_count, format_percent

_NAMED = 14  # so many points have their name beside them


@dataclass(frozen=True)
class ScatterView:
    """What the two axes show, by the keys of figures or the paths of fields."""

    x: str = "parameters"
    y: str = "test/accuracy"
    pick: Pick = "best"
    log_x: bool = False
    references: bool = True


@dataclass(frozen=True)
class _Point:
    unit: Unit
    x: Summary
    y: Summary


def draw_scatter(units: Sequence[Unit], view: ScatterView) -> Drawing:
    """Every unit as a point, groups with their standard deviation, and the Pareto front if both axes have one."""
    x, y = find_figure(view.x), find_figure(view.y)
    points = [
        _Point(unit, at_x, at_y)
        for unit in units
        if (at_x := summary_of(unit, x, view.pick)) and (at_y := summary_of(unit, y, view.pick))
    ]
    published = find_published(units, view)
    across = [*(point.x.mean for point in points), *(float(reference.parameters) for reference in published)]
    traces = _draw_front(points, x, y, view)
    if published:
        traces.append(_draw_published(published, x))
    sides = _place_names(points, _find_middle(across, view.log_x))
    traces += [_draw_point(point, x, y, view, sides.get(point, "")) for point in points]
    title = f"{label_figure(y, view.pick)} by {x.label_of(view.pick).lower()}"
    layout = lay_out(title, "", 1)
    layout["xaxis"] |= _axis(x, view.pick) | {"type": "log" if view.log_x else "linear", "uirevision": str(view)}
    # Within a part of a decade Plotly's own ticks are the only ones that are sure to be seen.
    if view.log_x and (decades := _decades(across)) > 0.7:
        layout["xaxis"] |= {"dtick": "D2" if decades < 2 else 1}
    layout["yaxis"] |= _axis(y, view.pick) | {"uirevision": str(view)}
    heights = [*(point.y.mean for point in points), *(reference.test_accuracy for reference in published)]
    for axis, values, log in (("xaxis", across, view.log_x), ("yaxis", heights, False)):
        if ends := span_ends(values):
            layout[axis]["range"] = [math.log10(end) for end in ends] if log and ends[0] > 0 else ends
    layout["margin"] |= {"l": 62, "r": 40}
    layout["meta"] = {
        "table": _tabulate_points(points, published, x, y, view.pick),
        "dark": list_dark_steps([MUTED, *(point.unit.ink for point in points)]),
    }
    notes = []
    if without := len(units) - len(points):
        notes.append(f"{without} without {'this figure' if without == 1 else 'these figures'}")
    if not (x.better and y.better):
        notes.append("no Pareto front, as one of the axes has no better side")
    return Drawing(to_json(traces, layout), title, tuple(notes))


def _tabulate_points(
    points: Sequence[_Point], published: Sequence[Reference], x: Figure, y: Figure, pick: Pick
) -> list[dict[str, Any]]:
    """For the CSV: a row a point, with the spread and the number of seeds; below them the published results."""
    unknown = [None] * len(published)
    names = [*(point.unit.name for point in points), *(each.name for each in published)]
    columns: list[dict[str, Any]] = [{"name": "run", "values": names}]
    for figure, axis in ((x, "x"), (y, "y")):
        sums: list[Summary] = [getattr(point, axis) for point in points]
        own = [each.parameters if axis == "x" else each.test_accuracy for each in published]
        label = label_figure(figure, pick)
        columns.append({"name": label, "values": [*(each.mean for each in sums), *own]})
        columns.append({"name": f"{label}, sd", "values": [*(each.standard_deviation for each in sums), *unknown]})
    columns.append({"name": "seeds", "values": [*(point.y.n for point in points), *unknown]})
    columns.append({"name": "source", "values": [*["own run"] * len(points), *(each.source for each in published)]})
    return columns


def find_published(units: Sequence[Unit], view: ScatterView) -> tuple[Reference, ...]:
    """Published results that fit this view: test accuracy by parameters on the baseline's data set."""
    fits = view.references and view.x == "parameters" and view.y in ("test/accuracy", "test/accuracy_best")
    if not fits or not units or units[0].first.tool or units[0].first.spec.data.is_test_capped:
        return ()
    return references_for(units[0].first.spec.data.dataset)


def _axis(figure: Figure, pick: Pick) -> dict[str, Any]:
    # Without a number of digits: as many as the ticks need, also zoomed in.
    ticks = {"share": "~%", "count": "~s"}
    return {
        "title": axis_title(label_figure(figure, pick)),
        "tickformat": ticks.get(figure.kind, "~g"),
        "zeroline": False,
    }


def _find_middle(values: Sequence[float], log: bool) -> float:
    """The middle of an axis, in its own unit."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    return math.sqrt(low * high) if log and low > 0 else (low + high) / 2


def _place_names(points: Sequence[_Point], middle: float) -> dict[_Point, str]:
    """Names point to the middle, where there is room, alternating above and below; many points have none."""
    if len(points) > _NAMED:
        return {}
    return {
        point: f"{'bottom' if index % 2 else 'top'} {'left' if point.x.mean > middle else 'right'}"
        for index, point in enumerate(sorted(points, key=lambda point: point.x.mean))
    }


def _decades(values: Sequence[float]) -> float:
    known = [value for value in values if value > 0]
    return math.log10(max(known) / min(known)) if known else 0


def _draw_point(point: _Point, x: Figure, y: Figure, view: ScatterView, name_side: str) -> dict[str, Any]:
    colour, name = point.unit.ink.light, as_text(shorten(point.unit.name))
    spread = point.y.standard_deviation
    seeds = f"<br>mean of {point.y.n} seeds, {format_spread(y, spread)}" if spread else ""
    drawn: dict[str, Any] = {
        "type": "scatter",
        "uid": point.unit.id,
        "mode": "markers+text" if name_side else "markers",
        "x": [point.x.mean],
        "y": [point.y.mean],
        "name": name,
        "text": [f" {as_text(shorten(point.unit.name, 22))} "],
        "textposition": name_side or "top right",
        "textfont": {"size": 11},
        "cliponaxis": False,
        "marker": {"size": 11, "color": colour, "symbol": point.unit.symbol},
        "meta": {"run": point.unit.name, "series": f"{y.key} by {x.key}"},
        "showlegend": False,
        "hovertemplate": f"<b>{name}</b><br>{label_figure(y, view.pick)} {format_figure(y, point.y.mean)}{seeds}<br>"
        f"{label_figure(x, view.pick)} {format_figure(x, point.x.mean)}<extra></extra>",
    }
    for axis, summary in (("error_x", point.x), ("error_y", point.y)):
        if summary.standard_deviation:
            drawn[axis] = {"array": [summary.standard_deviation], "color": colour, "thickness": 1.2, "width": 4}
    return drawn


def _draw_front(points: Sequence[_Point], x: Figure, y: Figure, view: ScatterView) -> list[dict[str, Any]]:
    """A faint stair through the units that no other beats on one axis without losing on the other."""
    if not (x.better and y.better) or len(points) < 2:
        return []
    at_x, at_y = np.array([point.x.mean for point in points]), np.array([point.y.mean for point in points])
    signs = [-1 if figure.better == "high" else 1 for figure in (x, y)]
    front = pareto_front(np.column_stack([at_x, at_y]) * signs)
    order = np.flatnonzero(front)[np.argsort(at_x[front], kind="stable")]
    return [
        {
            "type": "scatter",
            "uid": "front",
            "mode": "lines",
            "x": at_x[order],
            "y": at_y[order],
            # Up to the next point's cost, the cheaper one is the best there is.
            "line": {"shape": "hv" if x.better == "low" else "vh", "width": 1.4, "color": GREY, "dash": "dot"},
            "name": "Pareto front",
            "showlegend": False,
            "hoverinfo": "skip",
        }
    ]


def _draw_published(published: Sequence[Reference], x: Figure) -> dict[str, Any]:
    return {
        "type": "scatter",
        "uid": "published",
        "mode": "markers+text",
        "x": [reference.parameters for reference in published],
        "y": [reference.test_accuracy for reference in published],
        "text": [reference.name for reference in published],
        "customdata": [
            [each.source, each.note, format_percent(each.test_accuracy), format_count(each.parameters)]
            for each in published
        ],
        "textposition": "bottom center",
        "textfont": {"size": 10, "color": MUTED.light},
        "cliponaxis": False,
        "marker": {"size": 8, "color": GREY, "symbol": "diamond-open", "line": {"width": 1.5}},
        "meta": {"run": "published", "series": "test accuracy by parameters"},
        "name": "Published",
        "showlegend": False,
        "hovertemplate": f"<b>%{{text}}</b><br>Test accuracy %{{customdata[2]}}<br>{x.label} %{{customdata[3]}}<br>"
        "%{customdata[1]}<br>%{customdata[0]}<extra></extra>",
    }
