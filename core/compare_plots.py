"""Runs as points and lines: accuracy against cost with its Pareto front, parallel coordinates, and differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.charts import SYMBOLS, as_text, pick_symbols, run_colour
from core.compare import Unit, label_field, show_field
from core.compare_charts import Drawing, lay_out, shorten, to_json
from core.compare_figures import Figure, Pick, find_figure, summary_of
from core.fields import field_at
from core.references import Reference, references_for
from core.statistics import Comparison, Summary, pareto_front
from core.verdicts import Verdict

_FORMATS = {"share": ".2%", "loss": ".4f", "count": ".3s", "rate": ",.0f", "minutes": ".1f", "number": ".4~g"}
GREY = "#8a94a3"
_BARE = {"showgrid": False, "showline": False, "ticks": "", "fixedrange": True}
_NAMED = 14  # so many points have their name beside them


@dataclass(frozen=True)
class ScatterView:
    """What stands on the two axes, by the keys of figures or the paths of fields."""

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
    """Every unit as a point, groups with their standard deviation, and the Pareto front where both ways are known."""
    x, y = find_figure(view.x), find_figure(view.y)
    points = [
        _Point(unit, at_x, at_y)
        for unit in units
        if (at_x := summary_of(unit, x, view.pick)) and (at_y := summary_of(unit, y, view.pick))
    ]
    published = find_published(units, view)
    traces = _draw_front(points, x, y, view)
    if published:
        traces.append(_draw_published(published, x))
    symbols = pick_symbols([unit.id for unit in units])
    sides = _place_names(points, _find_middle(points, published, view.log_x))
    traces += [_draw_point(point, x, y, symbols, view, sides.get(point, "")) for point in points]
    title = f"{_sentence(y.label_of(view.pick))} by {x.label_of(view.pick).lower()}"
    layout = lay_out(title, "", 1)
    layout["xaxis"] |= _axis(x, view.pick) | {"type": "log" if view.log_x else "linear", "uirevision": str(view)}
    # Within a part of a decade Plotly's own ticks are the only ones that are sure to be seen.
    if view.log_x and (decades := _decades(points, published)) > 0.7:
        layout["xaxis"] |= {"dtick": "D2" if decades < 2 else 1}
    layout["yaxis"] |= _axis(y, view.pick) | {"uirevision": str(view)}
    layout["margin"] |= {"l": 62, "r": 40}
    notes = []
    if without := len(units) - len(points):
        notes.append(f"{without} without {'this figure' if without == 1 else 'these figures'}")
    if not (x.better and y.better):
        notes.append("no Pareto front, as one of the axes has no better side")
    return Drawing(to_json(traces, layout), title, tuple(notes))


def find_published(units: Sequence[Unit], view: ScatterView) -> tuple[Reference, ...]:
    """Published results that have a place in this view: test accuracy by parameters on the baseline's data set."""
    fits = view.references and view.x == "parameters" and view.y in ("test/accuracy", "test/accuracy_best")
    return references_for(units[0].first.spec.data.dataset) if fits and units else ()


def _axis(figure: Figure, pick: Pick) -> dict[str, Any]:
    ticks = {"share": ".1%", "count": ".2~s", "minutes": "~g", "number": "~g"}
    return {
        "title": {"text": _sentence(figure.label_of(pick)), "standoff": 8, "font": {"size": 12}},
        "tickformat": ticks.get(figure.kind, "~g"),
        "zeroline": False,
    }


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _find_middle(points: Sequence[_Point], published: Sequence[Reference], log: bool) -> float:
    """The middle of the axis across, in its own unit."""
    values = [point.x.mean for point in points] + [float(reference.parameters) for reference in published]
    if not values:
        return 0.0
    low, high = min(values), max(values)
    return math.sqrt(low * high) if log and low > 0 else (low + high) / 2


def _place_names(points: Sequence[_Point], middle: float) -> dict[_Point, str]:
    """Names stand towards the middle, where there is room, above and below in turns; many points have none."""
    if len(points) > _NAMED:
        return {}
    turns = enumerate(sorted(points, key=lambda point: point.x.mean))
    return {
        point: f"{'bottom' if turn % 2 else 'top'} {'left' if point.x.mean > middle else 'right'}"
        for turn, point in turns
    }


def _decades(points: Sequence[_Point], published: Sequence[Reference]) -> float:
    values = [point.x.mean for point in points] + [reference.parameters for reference in published]
    known = [value for value in values if value > 0]
    return math.log10(max(known) / min(known)) if known else 0


def _draw_point(
    point: _Point, x: Figure, y: Figure, symbols: dict[str, str], view: ScatterView, name_side: str
) -> dict[str, Any]:
    colour, name = run_colour(point.unit.id), as_text(shorten(point.unit.name))
    spread = point.y.standard_deviation
    seeds = f"<br>mean of {point.y.n} seeds, ± {spread:{_FORMATS[y.kind].replace('s', 'g')}}" if spread else ""
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
        "marker": {"size": 11, "color": colour, "symbol": symbols.get(point.unit.id, SYMBOLS[0])},
        "meta": {"run": point.unit.name, "series": f"{y.key} by {x.key}"},
        "showlegend": False,
        "hovertemplate": f"<b>{name}</b><br>{_sentence(y.label_of(view.pick))} %{{y:{_FORMATS[y.kind]}}}{seeds}<br>"
        f"{_sentence(x.label_of(view.pick))} %{{x:{_FORMATS[x.kind]}}}<extra></extra>",
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
    front = pareto_front(at_x, at_y, lower_x_better=x.better == "low", higher_y_better=y.better == "high")
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
        "customdata": [[reference.source, reference.note] for reference in published],
        "textposition": "bottom center",
        "textfont": {"size": 10, "color": GREY},
        "cliponaxis": False,
        "marker": {"size": 8, "color": GREY, "symbol": "diamond-open", "line": {"width": 1.5}},
        "meta": {"run": "published", "series": "test accuracy by parameters"},
        "name": "Published",
        "showlegend": False,
        "hovertemplate": f"<b>%{{text}}</b><br>Test accuracy %{{y:.2%}}<br>{x.label} %{{x:.3s}}<br>"
        "%{customdata[1]}<br>%{customdata[0]}<extra></extra>",
    }


# Parallel coordinates -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Scale:
    """One upright axis: where each unit crosses it, 0 to 1, and what stands beside it."""

    title: str
    heights: list[float | None]
    ticks: list[tuple[float, str]]


def draw_parallel(units: Sequence[Unit], paths: Sequence[str], figure: Figure, pick: Pick) -> Drawing:
    """One line a unit across the fields that differ, to its result on the last axis; named where it is pointed at."""
    scales = [_scale_field(units, path) for path in paths]
    scales.append(_scale_figure(units, figure, pick))
    symbols = pick_symbols([unit.id for unit in units])
    traces = []
    for place, unit in enumerate(units):
        crossings = [(at, scale.heights[place]) for at, scale in enumerate(scales)]
        known = [(at, height) for at, height in crossings if height is not None]
        name = as_text(shorten(unit.name))
        traces.append(
            {
                "type": "scatter",
                "uid": unit.id,
                "mode": "lines+markers",
                "x": [at for at, _ in known],
                "y": [height for _, height in known],
                "name": name,
                "legendgroup": unit.id,
                "line": {"color": run_colour(unit.id), "width": 2},
                "marker": {"size": 7, "symbol": symbols.get(unit.id, SYMBOLS[0])},
                "customdata": [_tell(unit, paths, figure, pick, at) for at, _ in known],
                "hovertemplate": f"<b>{name}</b><br>%{{customdata}}<extra></extra>",
                "showlegend": len(units) > 1,
            }
        )
    title = f"The fields that differ, and {figure.label_of(pick).lower()}"
    return Drawing(to_json(traces, _lay_out_scales(scales, title, len(units))), title)


def _lay_out_scales(scales: Sequence[_Scale], title: str, count: int) -> dict[str, Any]:
    """Upright axes side by side, each with its values beside it."""
    layout = lay_out(title, "", count)
    layout["xaxis"] |= {
        "range": [-0.25, len(scales) - 0.6],
        "tickvals": list(range(len(scales))),
        "ticktext": [as_text(scale.title) for scale in scales],
        "side": "top",
        **_BARE,
    }
    layout["yaxis"] |= {"range": [-0.06, 1.1], "showticklabels": False, **_BARE}
    layout["shapes"] = [
        {"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "line": {"color": GREY, "width": 1}, "layer": "below"}
        for at in range(len(scales))
    ]
    layout["annotations"] = [
        {"x": at, "y": height, "text": as_text(text), "showarrow": False, "xanchor": "left", "xshift": 7, "yshift": 9}
        | {"font": {"size": 11}}
        for at, scale in enumerate(scales)
        for height, text in scale.ticks
    ]
    layout["margin"] |= {"t": 30, "l": 20, "r": 60}
    return layout


def _tell(unit: Unit, paths: Sequence[str], figure: Figure, pick: Pick, at: int) -> str:
    if at < len(paths):
        return as_text(f"{label_field(paths[at])}: {show_field(unit.first, paths[at])}")
    summary = summary_of(unit, figure, pick)
    return f"{_sentence(figure.label_of(pick))}: {_show(figure, summary.mean) if summary else ''}"


def _scale_field(units: Sequence[Unit], path: str) -> _Scale:
    """Numbers by their size (by their logarithm where the field says so), everything else one step a value."""
    values = [unit.first.fields.get(path) if show_field(unit.first, path) else None for unit in units]
    spec_field = field_at(path)
    numbers = [value for value in values if value is not None]
    if spec_field.kind in ("int", "float") and len(set(numbers)) > 1:
        log = spec_field.log and min(numbers) > 0
        low, high = _scaled(min(numbers), log), _scaled(max(numbers), log)
        heights = [None if value is None else (_scaled(value, log) - low) / (high - low) for value in values]
    else:
        order = sorted({repr(value): value for value in numbers}.values(), key=str)
        steps = max(1, len(order) - 1)
        heights = [None if value is None else order.index(value) / steps for value in values]
    shown = {height: show_field(unit.first, path) for unit, height in zip(units, heights, strict=True)}
    return _Scale(label_field(path), heights, _space_ticks(shown))


def _scaled(value: float, log: bool) -> float:
    return math.log10(value) if log else float(value)


def _scale_figure(units: Sequence[Unit], figure: Figure, pick: Pick) -> _Scale:
    means = [summary.mean if (summary := summary_of(unit, figure, pick)) else None for unit in units]
    known = [mean for mean in means if mean is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    reach = (high - low) or 1.0
    ticks = [(0.0, _show(figure, low))] + ([(1.0, _show(figure, high))] if high > low else [])
    heights = [None if mean is None else (mean - low) / reach for mean in means]
    return _Scale(_sentence(figure.label_of(pick)), heights, ticks if known else [])


def _space_ticks(shown: dict[float | None, str], most: int = 9) -> list[tuple[float, str]]:
    """The values on an axis; of many only those that do not stand on one another."""
    ticks: list[tuple[float, str]] = []
    heights = sorted(height for height in shown if height is not None)
    for height in [*heights[:1], *heights[:0:-1]]:
        if all(abs(height - other) >= 1 / most for other, _ in ticks):
            ticks.append((height, shown[height]))
    return ticks


def _show(figure: Figure, value: float) -> str:
    return f"{100 * value:.2f} %" if figure.kind == "share" else f"{value:,.4g}"


# Differences ----------------------------------------------------------------------------------------------------------


def draw_differences(verdicts: Sequence[Verdict], baseline: Unit) -> Drawing:
    """Every unit's test accuracy minus the baseline's, in points, with its 95 % interval; settled ones are filled."""
    judged = [verdict for verdict in verdicts if verdict.comparison is not None]
    symbols = pick_symbols([baseline.id, *(verdict.unit.id for verdict in verdicts)])
    traces = [
        _draw_difference(place, verdict.unit, verdict.comparison, symbols.get(verdict.unit.id, SYMBOLS[0]))
        for place, verdict in enumerate(judged)
        if verdict.comparison is not None
    ]
    title = f"Test accuracy minus that of {shorten(baseline.name, 40)}, points"
    layout = lay_out(title, "", 1)
    layout["shapes"] = [
        {"type": "line", "x0": 0, "x1": 0, "yref": "paper", "y0": 0, "y1": 1, "line": {"color": GREY, "width": 1.5}}
    ]
    layout["xaxis"] |= {"tickformat": "+~g", "zeroline": False, "rangemode": "tozero"}
    layout["yaxis"] |= {
        "tickvals": list(range(len(judged))),
        "ticktext": [as_text(shorten(verdict.unit.name, 24)) for verdict in judged],
        "range": [len(judged) - 0.5, -0.5],
        "showgrid": False,
        "fixedrange": True,
    }
    return Drawing(to_json(traces, layout), title)


def _draw_difference(place: int, unit: Unit, comparison: Comparison, symbol: str) -> dict[str, Any]:
    points, colour, name = 100 * comparison.difference, run_colour(unit.id), as_text(shorten(unit.name))
    interval = comparison.interval
    told = f"<br>95 % interval {100 * interval.low:+.2f} to {100 * interval.high:+.2f}" if interval else ""
    return {
        "type": "scatter",
        "uid": unit.id,
        "mode": "markers",
        "x": [points],
        "y": [place],
        "name": name,
        "marker": {
            "size": 10,
            "color": colour,
            "symbol": symbol if comparison.is_settled else f"{symbol}-open",
            "line": {"width": 2, "color": colour},
        },
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [100 * interval.high - points] if interval else [0],
            "arrayminus": [points - 100 * interval.low] if interval else [0],
            "color": colour,
            "thickness": 2,
            "width": 5,
        },
        "meta": {"run": unit.name, "series": "points"},
        "showlegend": False,
        "hovertemplate": f"<b>{name}</b><br>%{{x:+.2f}} points{told}<extra></extra>",
    }
