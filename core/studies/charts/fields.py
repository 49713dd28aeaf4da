"""A study over its fields and objectives: Importance, Slice, Contour, Rank and Pareto Front."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from core.charts.figure import as_text, axis_title
from core.studies.charts import axes
from core.studies.charts.axes import Drawn, Layout, Rows, StudyView, Trace
from core.studies.importance import CLEAR_SHARE, CLEAR_TRIALS, Importance
from core.studies.objectives import OBJECTIVES
from core.studies.points import FloatArray, Points, find_front
from core.text.formats import format_percent

GRID_CELLS = 40  # a side of the contour's grid
NEAR = 1e-4  # squared distance, of 1 from end to end, below which two trials count as one point
BAND = 0.3  # half the width of a choice's band, on whose middle its trials stand
SLICES_IN_ROW = 3


def draw_importance(points: Points, view: StudyView, importance: Importance) -> Drawn:
    """How much each field decides, the most important on top, with its interval over resampled trials."""
    if not importance.fields:
        return axes.draw_nothing(importance.reason)
    ordered = importance.fields[::-1]
    names = [points.field(field.path).name for field in ordered]
    shares, lows, highs = (np.array([getattr(field, name) for field in ordered]) for name in ("share", "low", "high"))
    bars: Trace = {"type": "bar", "orientation": "h", "uid": "importance", "x": shares}
    bars["y"] = [f"{as_text(name)} · {format_percent(share, 0)}" for name, share in zip(names, shares, strict=True)]
    # The interval is that of the resampled trials, and need not hold the share itself.
    beyond, below = np.maximum(highs - shares, 0), np.maximum(shares - lows, 0)
    bars["error_x"] = {"type": "data", "array": beyond, "arrayminus": below}
    bars["error_x"] |= {"symmetric": False, "color": axes.BEST, "thickness": 1.5, "width": 4}
    colours = [axes.STATE_COLOURS["finished" if field.is_clear else "infeasible"] for field in ordered]
    bars |= {"marker": {"color": colours}}
    bars["hovertext"] = [
        f"{as_text(name)}<br>{format_percent(share, 1)}, between {format_percent(low, 0)} and {format_percent(high, 0)}"
        for name, share, low, high in zip(names, shares, lows, highs, strict=True)
    ]
    bars["hovertemplate"] = "%{hovertext}<extra></extra>"
    objective = OBJECTIVES[points.objectives[view.objective]].label.lower()
    x_axis: Layout = {"title": axis_title(f"Explained share of the order by {objective}")}
    layout: Layout = {"xaxis": {**x_axis, "automargin": True, "tickformat": ".0%", "range": [0, 1.02]}}
    layout |= {"yaxis": {"automargin": True, "fixedrange": True, "ticksuffix": " "}, "bargap": 0.35}
    columns: Layout = {"Field": names, "Importance": shares, "Low": lows, "High": highs}
    # The best first.
    layout["meta"] = {"table": [{"name": name, "values": values[::-1]} for name, values in columns.items()]}
    return [bars], layout, tuple(_explain_importance(points, importance))


def _explain_importance(points: Points, importance: Importance) -> Iterator[str]:
    yield f"From {importance.trials} finished trials, with the 95 % interval over resampled ones."
    if left := int(points.where("pruned", "failed", "infeasible").sum()):
        yield f"{left} pruned, failed or infeasible are left out: they have no value that compares."
    if importance.trials < CLEAR_TRIALS:
        yield f"With fewer than {CLEAR_TRIALS} trials what looks important may be chance."
    elif not importance.clear:
        yield f"No interval begins above {format_percent(CLEAR_SHARE, 0)}, so what looks important may be chance."


def slice_columns(fields: int) -> int:
    """How many slices stand side by side."""
    return min(fields, SLICES_IN_ROW if fields != 4 else 2)


def draw_slice(points: Points, view: StudyView, _: Importance) -> Drawn:
    """The objective against each field by itself; later trials stand out more."""
    if not points.with_value(view.objective, view.pruned).any():
        return axes.draw_nothing()
    columns = slice_columns(len(view.fields))
    lines = -(-len(view.fields) // columns)
    traces: list[Trace] = []
    layout: Layout = {"grid": {"rows": lines, "columns": columns, "pattern": "independent", "xgap": 0.08, "ygap": 0.3}}
    for index, path in enumerate(view.fields):
        rows = np.sort(axes.rows_with(points, view, [path]))
        suffix = str(index + 1) if index else ""
        marker = {"color": points.numbers[rows], "colorscale": axes.TIME_SCALE, "size": 6, "line": {"width": 0}}
        marker |= {"cmin": 0, "cmax": int(max(points.numbers[-1], 1)), "symbol": axes.pick_symbols(points, rows)}
        name = points.field(path).name
        trace = axes.mark_trials(points, rows, [path], name=name, uid=f"slice{index}", marker=marker)
        trace |= {"x": points.at(path)[rows], "y": points.values[rows, view.objective]}
        trace |= {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
        traces.append(trace)
        layout[f"xaxis{suffix}"] = axes.make_field_axis(points, path)
        # All rows of a figure are read against one scale.
        layout[f"yaxis{suffix}"] = axes.make_value_axis(points, view.objective, view.log, [trace["y"]])
        if index:
            layout[f"yaxis{suffix}"] |= {"matches": "y"}
        if index % columns:
            layout[f"yaxis{suffix}"] |= {"title": {"text": ""}, "showticklabels": False}
    shown = np.flatnonzero(points.with_value(view.objective, view.pruned))
    return traces, layout | axes.tabulate_trials(points, shown, view.fields), ()


def draw_contour(points: Points, view: StudyView, _: Importance) -> Drawn:
    """The objective over two fields, interpolated between the trials."""
    if len(set(view.fields[:2])) < 2:
        return axes.draw_nothing("Choose two different fields.")
    rows = axes.rows_with(points, view, view.fields[:2])
    if len(rows) < 3:
        return axes.draw_nothing("A contour shows after three trials with a value.")
    x_grid, y_grid = (_make_grid(points, path, rows) for path in view.fields[:2])
    if len(x_grid) < 2 or len(y_grid) < 2:
        return axes.draw_nothing("All trials so far have one value here; choose other fields.")
    low, high = axes.span_colours(points, view.objective, rows)
    values = np.clip(points.values[rows, view.objective], low, high)
    heights = _interpolate(points, view.fields[:2], rows, values, x_grid, y_grid)  # (y, x)
    sign = points.sign(view.objective)
    field: Trace = {"type": "contour", "uid": "contour", "x": x_grid, "y": y_grid, "z": heights.tolist()}
    field |= {
        "colorscale": axes.VALUE_SCALE,
        "reversescale": sign < 0,
        "contours": {"coloring": "heatmap"},
        "opacity": 0.75,
    }
    field |= {"line": {"width": 0.6, "smoothing": 1.1}, "hoverinfo": "skip"}
    field |= {"zmin": low, "zmax": high, "colorbar": _colour_bar(points, view.objective)}
    marker: Layout = {"color": "#1b2330", "size": 6, "line": {"width": 1, "color": "#ffffff"}}
    marker["symbol"] = axes.pick_symbols(points, rows)
    trials, layout = _cross_fields(points, view, rows, marker)
    return [field, trials], layout, ()


def _colour_bar(points: Points, objective: int) -> Layout:
    entry = OBJECTIVES[points.objectives[objective]]
    return {**_bar(entry.label), "tickformat": entry.short_number}


def _bar(title: str) -> Layout:
    return {"title": {"text": title, "side": "right", "font": {"size": 12}}, "thickness": 12, "outlinewidth": 0}


def _make_grid(points: Points, path: str, rows: Rows) -> FloatArray:
    """The values at which a contour is computed: each one if there are only a few, else evenly spaced."""
    field, positions = points.field(path), points.at(path)[rows]
    low, high = float(positions.min()), float(positions.max())
    if low == high:
        return np.array([low])
    if field.scale == "category":
        # A band for each choice.
        return np.array([index + side for index in range(len(field.labels)) for side in (-BAND, BAND)])
    if field.ticks:
        return np.unique(positions)
    return np.geomspace(low, high, GRID_CELLS) if field.scale == "log" else np.linspace(low, high, GRID_CELLS)


def _interpolate(
    points: Points, paths: Sequence[str], rows: Rows, values: FloatArray, x: FloatArray, y: FloatArray
) -> FloatArray:
    """The objective at each point of the grid: the mean of all trials, weighted by their inverse squared distance
    (Shepard 1968) -> (y, x)."""
    grids = [_scale(points, path, rows, grid) for path, grid in zip(paths, (x, y), strict=True)]
    at_x, at_y = (_scale(points, path, rows, points.at(path)[rows]) for path in paths)
    distances = (grids[0][None, :, None] - at_x) ** 2 + (grids[1][:, None, None] - at_y) ** 2  # (y, x, trials)
    weights = 1 / (distances + NEAR)
    return np.asarray((weights * values).sum(2) / weights.sum(2))


def _scale(points: Points, path: str, rows: Rows, positions: FloatArray) -> FloatArray:
    """A field's values from 0 to 1, as its axis shows them."""
    own, scale = points.at(path)[rows], points.field(path).scale
    if scale == "category":
        positions = np.round(positions)
    if scale == "log":
        own, positions = np.log(own), np.log(positions)
    return np.asarray((positions - own.min()) / (own.max() - own.min()), dtype=np.float64)


def _cross_fields(points: Points, view: StudyView, rows: Rows, marker: Layout) -> tuple[Trace, Layout]:
    """Trials at their values of two fields, and the layout with both axes."""
    x, y = view.fields[:2]
    trace = axes.mark_trials(points, rows, [x, y], name="trials", uid="trials", marker=marker)
    trace |= {"x": points.at(x)[rows], "y": points.at(y)[rows]}
    layout = {"xaxis": axes.make_field_axis(points, x), "yaxis": axes.make_field_axis(points, y)}
    return trace, layout | axes.tabulate_trials(points, rows, [x, y])


def draw_rank(points: Points, view: StudyView, _: Importance) -> Drawn:
    """Trials over two fields, coloured by their rank: a wild value among them cannot hide the others."""
    if len(set(view.fields[:2])) < 2:
        return axes.draw_nothing("Choose two different fields.")
    rows = axes.rows_with(points, view, view.fields[:2])
    if not len(rows):
        return axes.draw_nothing()
    # `axes.rows_with` goes from worst to best.
    ranks = np.linspace(1, 0, len(rows)) if len(rows) > 1 else np.zeros(1)
    bar = _bar("Rank") | {"tickvals": [0, 0.25, 0.5, 0.75, 1], "ticktext": ["best", "25 %", "50 %", "75 %", "worst"]}
    marker = {"color": ranks, "colorscale": axes.VALUE_SCALE, "cmin": 0, "cmax": 1, "size": 9, "colorbar": bar}
    marker |= {"showscale": True, "line": {"width": 0}, "symbol": axes.pick_symbols(points, rows)}
    trials, layout = _cross_fields(points, view, rows, marker)
    return [trials], layout, ()


def draw_pareto(points: Points, view: StudyView, _: Importance) -> Drawn:
    """Two objectives against each other; trials that no other beats in all objectives stand out."""
    if len(points.objectives) < 2:
        return axes.draw_nothing("A Pareto front needs two objectives or more.")
    x, y = view.objective, view.other_objective
    known = points.where("finished") & np.isfinite(points.values).all(1)
    if not known.any():
        return axes.draw_nothing()
    front = find_front(points)
    traces: list[Trace] = []
    for name, mask, colour, size in (
        ("Other trials", known & ~front, axes.STATE_COLOURS["infeasible"], 7),
        ("Pareto front", front, axes.BEST, 10),
    ):
        rows = np.flatnonzero(mask)
        rows = rows[np.argsort(points.values[rows, x])]
        marker = {"color": colour, "size": size, "line": {"width": 0}}
        marks = axes.mark_trials(points, rows, name=name, uid=name.split()[0].lower(), marker=marker)
        marks |= {"x": points.values[rows, x], "y": points.values[rows, y]}
        # With two objectives the front is a line; with more it is the shadow of a surface.
        if mask is front and len(points.objectives) == 2:
            marks |= {"mode": "lines+markers", "line": {"color": axes.BEST, "width": 1, "dash": "dot"}}
        traces.append(marks)
    layout = {
        "xaxis": axes.make_value_axis(points, x, False),
        "yaxis": axes.make_value_axis(points, y, view.log, [points.values[known, y]]),
        "showlegend": True,
        **axes.tabulate_trials(points, np.flatnonzero(known)),
    }
    return traces, layout, ()
