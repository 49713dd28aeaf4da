"""Runs as lines across the fields in which they differ, and those that pass through the ranges drawn on the axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from core.charts.figure import Drawing, as_text, shorten, to_json
from core.charts.palette import GREY, list_dark_steps, pick_result_ink
from core.charts.upright import (
    COLOUR_STEPS,
    Ranges,
    Stops,
    Upright,
    find_stops,
    lay_out_uprights,
    nearest_step,
    passes,
    space_ticks,
)
from core.compare.fields import find_field, is_numeric, label_field, show_field
from core.compare.figures import Figure, Pick, summary_of
from core.compare.table import format_figure, label_figure
from core.compare.units import Unit
from core.text.formats import UNKNOWN


def choose_units(units: Sequence[Unit], paths: Sequence[str], figure: Figure, pick: Pick, ranges: Ranges) -> list[Unit]:
    """The units that cross each of these axes within its range; ranges of other axes do not count."""
    scales = _make_scales(units, paths, figure, pick)
    return [unit for index, unit in enumerate(units) if passes(scales, index, ranges)]


def list_stops(units: Sequence[Unit], paths: Sequence[str], figure: Figure, pick: Pick) -> list[Stops]:
    """Between which values a range of each axis can lie."""

    def tell(axis: Upright, index: int) -> str:
        unit = units[index]
        if axis.key != figure.key:
            return show_field(unit.first, axis.key)
        summary = summary_of(unit, figure, pick)
        return format_figure(figure, summary.mean) if summary else UNKNOWN

    return [find_stops(axis, partial(tell, axis)) for axis in _make_scales(units, paths, figure, pick)]


def draw_parallel(
    units: Sequence[Unit], paths: Sequence[str], figure: Figure, pick: Pick, ranges: Ranges | None = None
) -> Drawing:
    """One line a unit across the fields that differ, to its result on the last axis; named where it is pointed at.

    Its colour is its result, as on the last axis; units without one, or outside a range, are grey.
    """
    scales = _make_scales(units, paths, figure, pick)
    kept = {scale.key: ranges[scale.key] for scale in scales if ranges and scale.key in ranges}
    inks = {height: pick_result_ink(_lag(figure, height)) for height in COLOUR_STEPS}
    traces = []
    for index, unit in enumerate(units):
        known = [(at, height) for at, scale in enumerate(scales) if (height := scale.heights[index]) is not None]
        name, is_kept, result = as_text(shorten(unit.name)), passes(scales, index, kept), scales[-1].heights[index]
        colour = GREY if result is None or not is_kept else inks[nearest_step(result)].light
        traces.append(
            {
                "type": "scatter",
                "uid": unit.id,
                "mode": "lines+markers" if is_kept else "lines",
                "x": [at for at, _ in known],
                "y": [height for _, height in known],
                "name": name,
                "opacity": 1 if is_kept else 0.35,
                "line": {"color": colour, "width": 2 if is_kept else 1},
                "marker": {"size": 7},
                "customdata": [_describe(unit, paths, figure, pick, at) for at, _ in known],
                "hovertemplate": f"<b>{name}</b><br>%{{customdata}}<extra></extra>",
                "showlegend": len(units) > 1 and is_kept,
            }
        )
    traces.sort(key=lambda trace: trace["opacity"] == 1)  # the grey ones lie below
    title = f"The fields that differ, coloured by {figure.label_of(pick).lower()}"
    layout = lay_out_uprights(scales, title, len(units), kept, inks)
    layout["meta"] |= {
        "table": _tabulate(units, paths, figure, pick),
        "dark": list_dark_steps(list(inks.values())),
    }
    return Drawing(to_json(traces, layout), title)


def _lag(figure: Figure, height: float) -> float:
    """How far a result of this height is from the best, 0 to 1."""
    return height if figure.better == "low" else 1 - height


def _tabulate(units: Sequence[Unit], paths: Sequence[str], figure: Figure, pick: Pick) -> list[dict[str, Any]]:
    """For the CSV: a row a unit, its fields and its result as people read them."""
    fields = [{"name": label_field(path), "values": [show_field(unit.first, path) for unit in units]} for path in paths]
    result = {"name": label_figure(figure, pick), "values": _means_of(units, figure, pick)}
    return [{"name": "run", "values": [unit.name for unit in units]}, *fields, result]


def _means_of(units: Sequence[Unit], figure: Figure, pick: Pick) -> list[float | None]:
    return [summary.mean if (summary := summary_of(unit, figure, pick)) else None for unit in units]


def _make_scales(units: Sequence[Unit], paths: Sequence[str], figure: Figure, pick: Pick) -> list[Upright]:
    return [*(_scale_field(units, path) for path in paths), _scale_figure(units, figure, pick)]


def _describe(unit: Unit, paths: Sequence[str], figure: Figure, pick: Pick, at: int) -> str:
    if at < len(paths):
        return as_text(f"{label_field(paths[at])}: {show_field(unit.first, paths[at])}")
    summary = summary_of(unit, figure, pick)
    return f"{label_figure(figure, pick)}: {format_figure(figure, summary.mean) if summary else ''}"


def _scale_field(units: Sequence[Unit], path: str) -> Upright:
    """Numbers by their size (by their logarithm where the field says so), everything else one step a value.

    A limit that lets all through, which is written as 0, is above all others.
    """
    values = [unit.first.fields.get(path) if show_field(unit.first, path) else None for unit in units]
    spec_field = find_field(path)
    if spec_field.zero == "all" and any(values):
        values = [value if value != 0 else 1.25 * max(filter(None, values)) for value in values]
    numbers = [value for value in values if value is not None]
    if is_numeric(units, path) and len(set(numbers)) > 1:
        log = spec_field.log and min(numbers) > 0
        low, high = _scaled(min(numbers), log), _scaled(max(numbers), log)
        heights = [None if value is None else (_scaled(value, log) - low) / (high - low) for value in values]
    else:
        order = sorted({repr(value): value for value in numbers}.values(), key=str)
        steps = max(1, len(order) - 1)
        heights = [None if value is None else order.index(value) / steps for value in values]
    crossed = zip(units, heights, strict=True)
    shown = {height: show_field(unit.first, path) for unit, height in crossed if height is not None}
    return Upright(path, label_field(path), heights, space_ticks(shown))


def _scaled(value: float, log: bool) -> float:
    return math.log10(value) if log else float(value)


def _scale_figure(units: Sequence[Unit], figure: Figure, pick: Pick) -> Upright:
    means = _means_of(units, figure, pick)
    known = [mean for mean in means if mean is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    reach = (high - low) or 1.0
    ticks = [(0.0, format_figure(figure, low))] + ([(1.0, format_figure(figure, high))] if high > low else [])
    heights = [None if mean is None else (mean - low) / reach for mean in means]
    return Upright(figure.key, label_figure(figure, pick), heights, ticks if known else [])
