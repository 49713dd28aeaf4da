"""The curves of runs, one or many: one colour a run, validation solid and training dashed, seeds as mean and band."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from core.charts.figure import (
    LEGEND_ABOVE,
    LEGEND_MOST,
    Drawing,
    as_text,
    axis_title,
    count_log_ticks,
    lay_out,
    shorten,
    space_prefixes,
    span_ends,
    to_json,
    trace_id,
)
from core.charts.lines import MAX_POINTS, thin
from core.charts.palette import SYMBOLS, list_dark_steps
from core.compare.branches import find_starts, tell_changes
from core.compare.lines import (
    CURVES,
    SPREADS,
    Curve,
    CurveMetric,
    CurveView,
    FloatArray,
    Line,
    find_fences,
    leave_out_before,
    make_line,
    part_by_step,
)
from core.compare.overlays import BAND_OPACITY, draw_overlays
from core.compare.snapshot import ComparedRun
from core.compare.units import Unit
from core.runs.metrics import find_best
from core.text.formats import format_bytes, format_percent
from core.text.words import count_of, list_first

# All lines of a chart share these; fewer than the least show too little, more than the most are not seen.
ALL_POINTS, LEAST_POINTS = 18_000, 120
_FEW_POINTS = 25
# What Plotly writes without a space: 12.3MB, 84.10%.
_TELL: dict[str, Callable[[float], str]] = {"B": format_bytes, "%": format_percent}
_RAW_BEHIND = 10  # so many units have their raw line faint behind the smoothed one


def draw_curves(
    metric: CurveMetric, units: Sequence[Unit], view: CurveView, steps: ComparedRun | None = None
) -> Drawing:
    """All units in one chart of one metric; the same drawing comes back as long as nothing has changed.

    `steps` is the only unit's run, with what it noted within its epochs.
    """
    return _draw_curves(metric, tuple(units), view, steps)


@dataclass(frozen=True)
class _Chart:
    """What the lines of a chart need to know of it."""

    curve: Curve
    view: CurveView
    units: tuple[Unit, ...]
    steps: ComparedRun | None = None

    @property
    def is_single(self) -> bool:
        """Whether it is of one run, whose lines then have the legend and the pointer to themselves."""
        return len(self.units) == 1 and not self.units[0].is_group

    @property
    def is_crowded(self) -> bool:
        """Whether lines are told apart at the pointer: symbols and names of all of them would hide each other."""
        return len(self.units) > LEGEND_MOST

    def is_by_step(self, line: Line) -> bool:
        """Whether it is the line of what the run noted within its epochs."""
        return self.steps is not None and line.part == part_by_step(self.curve)

    def group_of(self, line: Line) -> str:
        """What a click in the legend hides together: all of a run, or of a single run the line alone."""
        return f"{line.part.column} {line.part.label}" if self.is_single else line.unit.id


@lru_cache(maxsize=48)  # each holds on to its runs
def _draw_curves(metric: CurveMetric, units: tuple[Unit, ...], view: CurveView, steps: ComparedRun | None) -> Drawing:
    chart = _Chart(CURVES[metric], view, units, steps)
    parts = [part for part in chart.curve.parts if view.training or not part.is_training]
    lines = [line for unit in units for part in parts if (line := make_line(unit, part, chart.curve, view))]
    starts = find_starts(units)
    lines = [leave_out_before(line, starts[line.unit.id]) for line in lines]
    lines = [*_find_step_lines(chart), *lines]
    if len(units) > _RAW_BEHIND:
        lines = [replace(line, raw=None) for line in lines]
    points = max(LEAST_POINTS, min(MAX_POINTS, ALL_POINTS // max(1, len(lines))))
    # Bands first, so that no line is under another's band.
    traces = [trace for line in lines for trace in _draw_band(line, points)]
    drawn = [trace for line in lines for trace in _draw_line(chart, line, points)]
    traces += _join(drawn) if chart.is_crowded else drawn
    traces += [ring for line in lines for ring in _mark_best(chart, line)]
    traces += [mark for line in lines for mark in _mark_fork(chart, line, starts[line.unit.id])]
    pointed = [line for line in lines if not chart.is_by_step(line) and not line.unit.is_group]
    traces += [over for line in pointed for over in draw_overlays(line, chart.curve, view, alone=chart.is_single)]
    low_high = find_fences([line.y for line in lines]) if view.clip else None
    notes = _list_notes(chart, lines, points, low_high)
    return Drawing(to_json(traces, _lay_out(chart, lines, low_high)), chart.curve.title, notes)


def _find_step_lines(chart: _Chart) -> list[Line]:
    """Training within the epochs; first, so that it is under the lines of the epochs."""
    part = part_by_step(chart.curve)
    if part is None or chart.steps is None:
        return []
    line = make_line(replace(chart.units[0], runs=(chart.steps,)), part, chart.curve, chart.view)
    return [replace(line, raw=None)] if line else []


def _draw_band(line: Line, points: int) -> list[dict[str, Any]]:
    """Two lines without a stroke, filled in between."""
    if line.low is None or line.high is None or np.isnan(line.low).all():
        return []
    known = np.flatnonzero(~np.isnan(line.low))
    indices = known[thin(line.y[known].astype(np.float32), points)]
    low, high = (
        {
            "type": "scatter",
            "mode": "lines",
            "uid": trace_id(line.unit.id, line.part.column, edge),
            "legendgroup": line.unit.id,
            "x": line.x[indices],
            "y": values[indices],
            "line": {"width": 0, "color": line.unit.ink.light},
            "meta": {"run": line.unit.name, "edge": True, "series": f"{line.part.column} mean {sign} spread"},
            "showlegend": False,
        }
        for edge, sign, values in (("low", "-", line.low), ("high", "+", line.high))
    )
    return [low, high | {"fill": "tonexty", "fillcolor": line.unit.ink.light + BAND_OPACITY}]


def _draw_line(chart: _Chart, line: Line, points: int) -> list[dict[str, Any]]:
    """The line, and faint behind it the raw values if it is smoothed."""
    indices = _pick_points(line, line.y, points)
    part, series = line.part, line.part.column
    is_by_step = chart.is_by_step(line)
    symbol = "" if chart.is_crowded or line.unit.symbol == SYMBOLS[0] else line.unit.symbol
    shared: dict[str, Any] = {
        "type": "scatter",
        "legendgroup": chart.group_of(line),
        "x": line.x[indices],
        "name": part.label if chart.is_single else as_text(shorten(line.unit.name)),
        "line": {"color": line.unit.ink.light, "width": 1.4 if part.is_training else 2, "dash": part.dash},
    }
    # About a dozen symbols tell two lines of one colour apart; one at every point would hide the line.
    spaced = {"maxdisplayed": 12} if symbol and len(indices) > _FEW_POINTS else {}
    few = len(line.y) <= _FEW_POINTS and not part.is_training and not chart.is_crowded
    drawn = {
        **shared,
        "uid": trace_id(line.unit.id, series, *(["steps"] if is_by_step else [])),
        "y": line.y[indices],
        "mode": "lines+markers" if symbol or few or len(line.y) == 1 else "lines",
        "marker": {"size": 6 if symbol else 4, "symbol": symbol or "circle", **spaced},
        # Plain text: for the CSV that a chart writes, and for the label at the pointer.
        "meta": {
            "run": line.unit.name,
            "series": series if line.count is None else f"{series} mean",
            "part": part.label if len(chart.curve.parts) > 1 else "",
        },
        "showlegend": chart.is_single or part is chart.curve.main,
        "hovertemplate": f"{part.label}: %{{y:{chart.curve.number}}}{chart.curve.unit}<extra></extra>",
    }
    tell = _TELL.get(chart.curve.unit or chart.curve.number[-1])
    if tell and chart.is_single:
        drawn["text"] = [tell(value) for value in line.y[indices].tolist()]
        drawn["hovertemplate"] = f"{part.label}: %{{text}}<extra></extra>"
    if is_by_step and any(run.rows for run in chart.units[0].runs):
        drawn |= {"opacity": 0.45, "line": shared["line"] | {"width": 1}}  # behind the line of the epochs
    if line.count is not None:
        drawn |= {"customdata": line.count[indices], "meta": drawn["meta"] | {"custom": "seeds"}}
    return [drawn] if line.raw is None else [_draw_raw(line, line.raw, points, shared), drawn]


def _draw_raw(line: Line, raw: FloatArray, points: int, shared: dict[str, Any]) -> dict[str, Any]:
    indices = _pick_points(line, raw, points)
    return {
        **shared,
        "uid": trace_id(line.unit.id, line.part.column, "raw"),
        "x": line.x[indices],
        "y": raw[indices],
        "mode": "lines",
        "line": {**shared["line"], "width": 1},
        "opacity": 0.25,
        "showlegend": False,
        "hoverinfo": "skip",
    }


def _pick_points(line: Line, values: FloatArray, points: int) -> npt.NDArray[np.intp]:
    """Where to draw the values: thinned, and without rows that do not say their epoch."""
    indices = thin(values.astype(np.float32), points)
    return indices[~np.isnan(line.x[indices])]


def _mark_best(chart: _Chart, line: Line) -> list[dict[str, Any]]:
    """A ring around the best epoch of a run, chosen on validation accuracy, in the chart of loss and of accuracy."""
    wanted = chart.view.best and chart.curve.improves and not chart.is_crowded
    if not wanted or line.part is not chart.curve.main or line.unit.is_group:
        return []
    run = line.unit.first
    index = find_best(run.column("val/accuracy"), run.column("val/loss"))
    if index is None or np.isnan(line.y[index]):
        return []
    epoch = f"{run.column('epoch')[index]:.0f}"
    return [
        {
            "type": "scatter",
            "uid": trace_id(line.unit.id, "best"),
            "x": [line.x[index]],
            "y": [line.y[index]],
            "mode": "markers",
            "name": f"best epoch {epoch}",
            "legendgroup": chart.group_of(line),
            "showlegend": False,
            "marker": {"size": 11, "symbol": "circle-open", "color": line.unit.ink.light, "line": {"width": 2}},
            "hovertemplate": f"best epoch: {epoch}<extra></extra>",
        }
    ]


def _mark_fork(chart: _Chart, line: Line, start: int) -> list[dict[str, Any]]:
    """A diamond where a branch leaves the line that it shares with another."""
    if not start or chart.is_crowded or line.part is not chart.curve.main or line.unit.is_group:
        return []
    at = np.flatnonzero((line.unit.first.column("epoch") == start) & ~np.isnan(line.y))
    if not len(at):
        return []
    record = line.unit.first.branch
    what = f"{line.unit.name}: {tell_changes(record)}" if record and record["epoch"] == start else line.unit.name
    return [
        {
            "type": "scatter",
            "uid": trace_id(line.unit.id, "fork"),
            "x": [line.x[at[0]]],
            "y": [line.y[at[0]]],
            "mode": "markers",
            "name": f"fork at epoch {start}",
            "legendgroup": chart.group_of(line),
            "showlegend": False,
            "marker": {"size": 9, "symbol": "diamond", "color": line.unit.ink.light},
            "hovertemplate": f"{as_text(what)}<extra></extra>",
        }
    ]


def _join(traces: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Lines that look alike as one trace, with gaps between them: a trace costs the browser more than its points do.

    `meta.lines` tells whose line goes from where to where.
    """
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for trace in traces:
        line = trace["line"]
        alike.setdefault((line["color"].lstrip("#"), line["dash"], trace["mode"]), []).append(trace)
    joined = []
    for look, members in alike.items():
        ends = np.cumsum([len(member["x"]) + 1 for member in members]).tolist()
        starts = [0, *ends[:-1]]
        whose = [
            member["meta"] | {"id": member["legendgroup"], "from": start, "to": end - 1}
            for member, start, end in zip(members, starts, ends, strict=True)
        ]
        arrays = {key: [member.get(key) for member in members] for key in ("x", "y", "customdata")}
        joined.append(
            {key: members[0][key] for key in ("type", "mode", "line", "marker")}
            | {
                key: _join_arrays(parts, ends)
                for key, parts in arrays.items()
                if any(part is not None for part in parts)
            }
            | {"uid": trace_id(*look).replace("+", "-"), "meta": {"lines": whose}, "showlegend": False}
        )
    return joined


def _join_arrays(arrays: Sequence[FloatArray | None], ends: Sequence[int]) -> FloatArray:
    """One after the other, each up to its end less one; NaN in between, and for one that is missing."""
    whole = np.full(ends[-1] - 1, np.nan)
    for array, end in zip(arrays, ends, strict=True):
        if array is not None:
            whole[end - 1 - len(array) : end - 1] = array
    return whole


def _lay_out(chart: _Chart, lines: Sequence[Line], low_high: tuple[float, float] | None) -> dict[str, Any]:
    """The pointer shows both lines of a single run, the nearest of several (core/charts/browser/nearest.js)."""
    curve = chart.curve
    layout = lay_out(curve.title, chart.view.x, len(chart.units))
    layout["xaxis"] |= _x_axis(chart, lines)
    layout["yaxis"] |= _y_axis(curve, chart.view, lines, low_high)
    layout["meta"] = {"dark": list_dark_steps([unit.ink for unit in chart.units])}
    if chart.is_single:
        return layout | {"hovermode": "x unified", "showlegend": len(curve.parts) > 1, "legend": LEGEND_ABOVE}
    return layout | {"hovermode": False, "meta": layout["meta"] | {"nearest": curve.number, "unit": curve.unit}}


def _x_axis(chart: _Chart, lines: Sequence[Line]) -> dict[str, Any]:
    view = chart.view
    axis: dict[str, Any] = {
        "title": axis_title(view.x),
        "uirevision": view.x,
        "hoverformat": ".3~f",
        "unifiedhovertitle": {"text": f"{view.x} %{{x}}"},
    }
    if view.x == "minutes":
        return axis
    last = max((float(np.nanmax(line.x)) for line in lines if not np.isnan(line.x).all()), default=0)
    if view.x == "epoch" and chart.is_single:
        last = max([last, *(fan.until for fan in view.fans)])
    if chart.steps is not None and chart.steps.rows:
        last = max(last, float(np.nanmax(chart.steps.column(view.x))))
        # From the beginning to the end of the epoch under way: the axis grows once an epoch, not at every step.
        # With room for the marks at its end.
        axis |= {"range": [0, max(1, math.ceil(last)) * 1.015], "autorange": False}
        if last <= 2:
            return axis | {"dtick": 0.25, "tickformat": "~g"}
    # Without it, a run of two epochs gets ticks at 1.2, 1.4, ...
    return axis | {"tickformat": ",d", **({"dtick": 1} if last <= 10 else {"nticks": 10})}


def _y_axis(
    curve: Curve, view: CurveView, lines: Sequence[Line], low_high: tuple[float, float] | None
) -> dict[str, Any]:
    log = view.log and curve.can_log
    axis: dict[str, Any] = {
        "type": "log" if log else "linear",
        "uirevision": f"{log} {view.clip}",
        "exponentformat": "e",
        "hoverformat": curve.number,
        "ticksuffix": curve.unit,
    }
    if curve.ticks:
        axis["tickformat"] = curve.ticks
    elif log:
        axis["tickformat"] = "~g"  # Plotly's own ticks would be 2, 5 and 10⁻³ on one axis
    if log:
        axis["nticks"] = count_log_ticks([line.y for line in lines], 6)
    if curve.unit == "B":
        axis["labelalias"] = space_prefixes(max((float(np.nanmax(line.y)) for line in lines if len(line.y)), default=0))
    if curve.number.endswith("%"):
        axis["tickformat"] = "~%"  # as many decimals as the ticks need, also zoomed in
    if low_high:
        low, high = low_high
        room = 0.04 * (high - low)
        ends = np.log10([max(low, 1e-12), high]).tolist() if log and low > 0 else [low - room, high + room]
        axis |= {"range": ends, "autorange": False}
    elif not curve.improves and not log:
        axis["rangemode"] = "tozero"
    elif not log and (ends := span_ends(np.concatenate([line.y for line in lines]).tolist() if lines else [])):
        axis["range"] = ends
    return axis


def _list_notes(
    chart: _Chart, lines: Sequence[Line], points: int, low_high: tuple[float, float] | None
) -> tuple[str, ...]:
    low, high = low_high or (-np.inf, np.inf)
    hidden = sum(int(((line.y < low) | (line.y > high)).sum()) for line in lines)
    notes = (
        (not lines, "not measured"),
        (chart.is_crowded, "point at a line for its name"),
        (not chart.is_single and any(line.part.dash == "dot" for line in lines), "dotted: GPU"),
        (hidden > 0, f"{count_of(hidden, 'point')} hidden"),
        (any(len(line.y) > points for line in lines), f"thinned to {points:,} points a line"),
    )
    return tuple(note for holds, note in notes if holds)


def explain_lines(units: Sequence[Unit], view: CurveView) -> str:
    """What the lines and bands of a chart of curves are, and how many seeds each group has."""
    training = "Solid is validation, dashed is training." if view.training else "Validation."
    groups = [unit for unit in units if unit.is_group]
    if not groups:
        return training
    begun = {unit: sum(bool(run.rows) for run in unit.seeds) for unit in groups}
    counts = list_first([f"{unit.name} n = {n}" for unit, n in begun.items()], 8)
    return f"{training} Lines of groups are means over seeds, bands ± one {SPREADS[view.spread]}: {counts}."
