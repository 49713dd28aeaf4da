"""The curves of a comparison: one colour a run, validation solid and training dashed, seeds folded into mean and band.

Written straight as Plotly's JSON: its own figure objects check every value, which for 50 runs takes ten times as long
as everything else together. `core.charts.lines` says what colours, symbols and smoothing are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from core.charts.figure import LEGEND_MOST, Drawing, as_text, lay_out, shorten, to_json, trace_id
from core.charts.lines import thin
from core.charts.palette import pick_symbols, run_colour
from core.compare.lines import CURVES, SPREADS, Curve, CurveMetric, CurveView, FloatArray, Line, find_fences, make_line
from core.compare.units import Unit
from core.text.words import count_of, list_first

# All lines of a chart share these; fewer than the least tell too little, more than the most are not seen.
ALL_POINTS, LEAST_POINTS, MOST_POINTS = 18_000, 120, 1_000
_FEW_POINTS = 25
_RAW_BEHIND = 10  # so many units have their raw line faint behind the smoothed one


def draw_curves(metric: CurveMetric, units: Sequence[Unit], view: CurveView) -> Drawing:
    """All units in one chart of one metric; the same drawing comes back as long as nothing has changed."""
    return _draw_curves(metric, tuple(units), view)


@lru_cache(maxsize=16)  # each holds on to its runs as they stood
def _draw_curves(metric: CurveMetric, units: tuple[Unit, ...], view: CurveView) -> Drawing:
    curve = CURVES[metric]
    columns = [curve.train, curve.val] if view.training and curve.train else [curve.val]
    lines = [line for unit in units for column in columns if (line := make_line(unit, column, curve, view))]
    if len(units) > _RAW_BEHIND:
        lines = [replace(line, raw=None) for line in lines]
    points = max(LEAST_POINTS, min(MOST_POINTS, ALL_POINTS // max(1, len(lines))))
    # Many lines are told apart at the pointer: symbols on all of them would hide each other.
    symbols = pick_symbols([unit.id for unit in units]) if len(units) <= LEGEND_MOST else {}
    # Bands first, so that no line lies under another's band.
    traces = [trace for line in lines for trace in _draw_band(line, curve, points)]
    drawn = [trace for line in lines for trace in _draw_line(line, points, symbols.get(line.unit.id, ""), len(units))]
    traces += _join(drawn) if len(units) > LEGEND_MOST else drawn
    low_high = find_fences([line.y for line in lines]) if view.clip else None
    layout = lay_out(curve.title, view.x, len(units))
    # Names lines by its own means (core/charts/browser/nearest.js).
    layout |= {"hovermode": False, "meta": {"nearest": curve.number}}
    layout["xaxis"] |= _x_axis(view, lines)
    layout["yaxis"] |= _y_axis(curve, view, lines, low_high)
    notes = _tell_notes(lines, points, low_high)
    return Drawing(to_json(traces, layout), curve.title, notes)


def _draw_band(line: Line, curve: Curve, points: int) -> list[dict[str, Any]]:
    """Two lines without a stroke, filled in between."""
    if line.low is None or line.high is None or np.isnan(line.low).all():
        return []
    known = np.flatnonzero(~np.isnan(line.low))
    places = known[thin(line.y[known].astype(np.float32), points)]
    edge = {
        "type": "scatter",
        "mode": "lines",
        "legendgroup": line.unit.id,
        "x": line.x[places],
        "line": {"width": 0, "color": run_colour(line.unit.id)},
        "showlegend": False,
    }
    meta = {"run": line.unit.name, "edge": True}
    return [
        {
            **edge,
            "uid": trace_id(line.unit.id, line.column, "low"),
            "y": line.low[places],
            "meta": {**meta, "series": f"{line.column} mean - spread"},
        },
        {
            **edge,
            "uid": trace_id(line.unit.id, line.column, "high"),
            "y": line.high[places],
            "fill": "tonexty",
            "fillcolor": _see_through(run_colour(line.unit.id)),
            "meta": {**meta, "series": f"{line.column} mean + spread"},
        },
    ]


def _see_through(colour: str) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.18)"


def _draw_line(line: Line, points: int, symbol: str, count: int) -> list[dict[str, Any]]:
    """One of the lines of `count` units, and faint behind it the raw values where it is smoothed."""
    places = thin(line.y.astype(np.float32), points)
    shared: dict[str, Any] = {
        "type": "scatter",
        "legendgroup": line.unit.id,
        "x": line.x[places],
        "name": as_text(shorten(line.unit.name)),
        "line": {
            "color": run_colour(line.unit.id),
            "width": 1.4 if line.is_training else 2,
            "dash": "dash" if line.is_training else "solid",
        },
    }
    few = len(line.y) <= _FEW_POINTS and not line.is_training and count <= LEGEND_MOST
    drawn = {
        **shared,
        "uid": trace_id(line.unit.id, line.column),
        "y": line.y[places],
        "mode": "lines+markers" if symbol or few or len(line.y) == 1 else "lines",
        "marker": {"size": 6 if symbol else 4, "symbol": symbol or "circle", **_space_out(symbol, len(places))},
        "meta": {"run": line.unit.name, "series": f"{line.column} mean" if line.count is not None else line.column},
        "showlegend": count > 1 and not line.is_training,
    }
    if line.count is not None:
        drawn |= {"customdata": line.count[places], "meta": drawn["meta"] | {"custom": "seeds"}}
    if line.raw is None:
        return [drawn]
    raw_places = thin(line.raw.astype(np.float32), points)
    raw = {
        **shared,
        "uid": trace_id(line.unit.id, line.column, "raw"),
        "x": line.x[raw_places],
        "y": line.raw[raw_places],
        "mode": "lines",
        "line": {**shared["line"], "width": 1},
        "opacity": 0.25,
        "showlegend": False,
    }
    return [raw, drawn]


def _join(traces: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Lines that look alike as one trace, with gaps between them: a trace costs the browser more than its points do.

    `meta.lines` tells whose line stands from where to where.
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
    """One after the other, each up to its end less one; NaN in between, and in the place of one that is missing."""
    whole = np.full(ends[-1] - 1, np.nan)
    for array, end in zip(arrays, ends, strict=True):
        if array is not None:
            whole[end - 1 - len(array) : end - 1] = array
    return whole


def _space_out(symbol: str, count: int) -> dict[str, int]:
    """About a dozen symbols tell two lines of one colour apart; one at every point would hide the line."""
    return {"maxdisplayed": 12} if symbol and count > _FEW_POINTS else {}


def _x_axis(view: CurveView, lines: Sequence[Line]) -> dict[str, Any]:
    axis: dict[str, Any] = {"title": {"text": view.x, "standoff": 6, "font": {"size": 12}}, "uirevision": view.x}
    if view.x == "minutes":
        return axis
    last = max((float(np.nanmax(line.x)) for line in lines if not np.isnan(line.x).all()), default=0)
    # Without it, a run of two epochs gets ticks at 1.2, 1.4, ...
    return axis | {"tickformat": ",d", **({"dtick": 1} if last <= 10 else {"nticks": 10})}


def _y_axis(
    curve: Curve, view: CurveView, lines: Sequence[Line], low_high: tuple[float, float] | None
) -> dict[str, Any]:
    log = view.log and curve.can_log
    axis: dict[str, Any] = {
        "type": "log" if log else "linear",
        "uirevision": f"{log} {view.clip}",
        "exponentformat": "power" if log else "e",
    }
    if curve.val == "val/accuracy":
        known = np.concatenate([line.y for line in lines]) if lines else np.zeros(1)
        spread = float(np.nanmax(known) - np.nanmin(known))
        axis["tickformat"] = ".0%" if spread > 0.05 else ".1%"
    if low_high:
        low, high = low_high
        room = 0.04 * (high - low)
        axis["range"] = (
            [float(np.log10(max(low, 1e-12))), float(np.log10(high))] if log and low > 0 else [low - room, high + room]
        )
        axis["autorange"] = False
    return axis


def _tell_notes(lines: Sequence[Line], points: int, low_high: tuple[float, float] | None) -> tuple[str, ...]:
    notes = []
    if len({line.unit for line in lines}) > LEGEND_MOST:
        notes.append("point at a line for its name")
    if low_high:
        hidden = sum(int(((line.y < low_high[0]) | (line.y > low_high[1])).sum()) for line in lines)
        if hidden:
            notes.append(f"{count_of(hidden, 'point')} hidden")
    if any(len(line.y) > points for line in lines):
        notes.append(f"thinned to {points:,} points a line")
    return tuple(notes)


def explain_lines(units: Sequence[Unit], view: CurveView) -> str:
    """What the lines and bands of a chart of curves are, and how many seeds stand behind each group."""
    training = "Solid is validation, dashed is training." if view.training else "Validation."
    groups = [unit for unit in units if unit.is_group]
    if not groups:
        return training
    begun = {unit: sum(bool(run.rows) for run in unit.seeds) for unit in groups}
    counts = list_first([f"{unit.name} n = {n}" for unit, n in begun.items()], 8)
    return f"{training} Lines of groups are means over seeds, bands ± one {SPREADS[view.spread]}: {counts}."


# What all figures of a comparison share -------------------------------------------------------------------------------
