"""Runs as lines across the fields in which they differ, and those that pass through the ranges drawn on the axes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.charts.figure import Drawing, as_text, lay_out, shorten, to_json
from core.charts.palette import GREY, Ink, list_dark_steps, pick_result_ink
from core.compare.fields import find_field, is_numeric, label_field, show_field
from core.compare.figures import Figure, Pick, summary_of
from core.compare.table import format_figure, label_figure
from core.compare.units import Unit

# By the key of an axis, the path of a field or the key of a figure: from where to where, 0 to 1 of its height.
Ranges = Mapping[str, tuple[float, float]]

_COLOUR_STEPS = tuple(step / 40 for step in range(41))  # heights on the last axis
_NARROW = 0.02  # so much around a single value that was clicked
_BARE = {"showgrid": False, "showline": False, "ticks": "", "fixedrange": True}


@dataclass(frozen=True)
class _Scale:
    """One upright axis: where each unit crosses it, 0 to 1, and its tick labels."""

    key: str
    title: str
    heights: list[float | None]
    ticks: list[tuple[float, str]]


def choose_units(units: Sequence[Unit], paths: Sequence[str], figure: Figure, pick: Pick, ranges: Ranges) -> list[Unit]:
    """The units that cross each of these axes within its range; ranges of other axes do not count."""
    scales = _make_scales(units, paths, figure, pick)
    return [unit for index, unit in enumerate(units) if _passes(scales, index, ranges)]


def draw_parallel(
    units: Sequence[Unit], paths: Sequence[str], figure: Figure, pick: Pick, ranges: Ranges | None = None
) -> Drawing:
    """One line a unit across the fields that differ, to its result on the last axis; named where it is pointed at.

    Its colour is its result, as on the last axis; units without one, or outside a range, are grey.
    """
    scales = _make_scales(units, paths, figure, pick)
    kept = {scale.key: ranges[scale.key] for scale in scales if ranges and scale.key in ranges}
    inks = {height: pick_result_ink(_lag(figure, height)) for height in _COLOUR_STEPS}
    traces = []
    for index, unit in enumerate(units):
        known = [(at, height) for at, scale in enumerate(scales) if (height := scale.heights[index]) is not None]
        name, is_kept, result = as_text(shorten(unit.name)), _passes(scales, index, kept), scales[-1].heights[index]
        colour = GREY if result is None or not is_kept else inks[_step(result)].light
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
    layout = _lay_out_scales(scales, title, len(units))
    layout["meta"] = {
        "brush": [{"key": scale.key, "range": kept.get(scale.key)} for scale in scales],
        "table": _tabulate(units, paths, figure, pick),
        "dark": list_dark_steps(list(inks.values())),
    }
    layout["shapes"] += [_draw_key(len(scales) - 1, height, ink) for height, ink in inks.items()]
    layout["shapes"] += [_draw_range(at, *kept[scale.key]) for at, scale in enumerate(scales) if scale.key in kept]
    return Drawing(to_json(traces, layout), title)


def _lag(figure: Figure, height: float) -> float:
    """How far a result of this height is from the best, 0 to 1."""
    return height if figure.better == "low" else 1 - height


def _step(height: float) -> float:
    """The colour's step that is nearest to a height."""
    return _COLOUR_STEPS[round(height * (len(_COLOUR_STEPS) - 1))]


def _draw_key(at: int, height: float, ink: Ink) -> dict[str, Any]:
    """One step of the colours on the axis of the result."""
    half = 0.5 / (len(_COLOUR_STEPS) - 1)
    across = {"xsizemode": "pixel", "xanchor": at, "x0": -3, "x1": 3, "layer": "below"}
    ends = {"y0": max(0.0, height - half), "y1": min(1.0, height + half)}
    return {"type": "rect", **ends, **across, "fillcolor": ink.light, "line": {"width": 0}}


def _tabulate(units: Sequence[Unit], paths: Sequence[str], figure: Figure, pick: Pick) -> list[dict[str, Any]]:
    """For the CSV: a row a unit, its fields and its result as people read them."""
    fields = [{"name": label_field(path), "values": [show_field(unit.first, path) for unit in units]} for path in paths]
    result = {"name": label_figure(figure, pick), "values": _means_of(units, figure, pick)}
    return [{"name": "run", "values": [unit.name for unit in units]}, *fields, result]


def _means_of(units: Sequence[Unit], figure: Figure, pick: Pick) -> list[float | None]:
    return [summary.mean if (summary := summary_of(unit, figure, pick)) else None for unit in units]


def _make_scales(units: Sequence[Unit], paths: Sequence[str], figure: Figure, pick: Pick) -> list[_Scale]:
    return [*(_scale_field(units, path) for path in paths), _scale_figure(units, figure, pick)]


def _passes(scales: Sequence[_Scale], index: int, ranges: Ranges) -> bool:
    """Whether the unit of this index crosses each of the axes within its range."""
    crossed = [(scale.heights[index], *ranges[scale.key]) for scale in scales if scale.key in ranges]
    return all(height is not None and low <= height <= high for height, low, high in crossed)


def _draw_range(at: int, low: float, high: float) -> dict[str, Any]:
    across = {"xsizemode": "pixel", "xanchor": at, "x0": -7, "x1": 7}
    look = {"line": {"color": GREY, "width": 1.5}, "fillcolor": GREY, "opacity": 0.5}
    return {"type": "rect", "y0": low, "y1": high, **across, **look}


# Ranges in an address, as `train.learning_rate:0.2:0.8`, one after the other with a semicolon between.


def read_ranges(text: str) -> dict[str, tuple[float, float]]:
    """What cannot be read is left out."""
    found = {}
    for part in text.split(";"):
        key, *ends = part.split(":")
        try:
            low, high = (float(end) for end in ends)
        except ValueError:
            continue
        if 0 <= low <= high <= 1:
            found[key] = (max(0, low - _NARROW / 2), min(1, high + _NARROW / 2)) if low == high else (low, high)
    return found


def write_ranges(ranges: Ranges) -> str:
    return ";".join(f"{key}:{low:.3g}:{high:.3g}" for key, (low, high) in ranges.items())


def _lay_out_scales(scales: Sequence[_Scale], title: str, count: int) -> dict[str, Any]:
    """Upright axes side by side, each with its values beside it; on them ranges can be drawn."""
    layout = lay_out(title, "", count)
    layout["dragmode"] = False
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
        {"x": at, "y": height, "text": as_text(text), "showarrow": False, "xanchor": "left", "xshift": 10, "yshift": 9}
        | {"font": {"size": 11}}
        for at, scale in enumerate(scales)
        for height, text in scale.ticks
    ]
    layout["xaxis"]["ticklabeloverflow"] = "allow"
    layout["margin"] |= {"t": 30, "l": 50, "r": 60}
    return layout


def _describe(unit: Unit, paths: Sequence[str], figure: Figure, pick: Pick, at: int) -> str:
    if at < len(paths):
        return as_text(f"{label_field(paths[at])}: {show_field(unit.first, paths[at])}")
    summary = summary_of(unit, figure, pick)
    return f"{label_figure(figure, pick)}: {format_figure(figure, summary.mean) if summary else ''}"


def _scale_field(units: Sequence[Unit], path: str) -> _Scale:
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
    shown = {height: show_field(unit.first, path) for unit, height in zip(units, heights, strict=True)}
    return _Scale(path, label_field(path), heights, _space_ticks(shown))


def _scaled(value: float, log: bool) -> float:
    return math.log10(value) if log else float(value)


def _scale_figure(units: Sequence[Unit], figure: Figure, pick: Pick) -> _Scale:
    means = _means_of(units, figure, pick)
    known = [mean for mean in means if mean is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    reach = (high - low) or 1.0
    ticks = [(0.0, format_figure(figure, low))] + ([(1.0, format_figure(figure, high))] if high > low else [])
    heights = [None if mean is None else (mean - low) / reach for mean in means]
    return _Scale(figure.key, label_figure(figure, pick), heights, ticks if known else [])


def _space_ticks(shown: dict[float | None, str], most: int = 9) -> list[tuple[float, str]]:
    """The values on an axis; of many only those that do not overlap."""
    ticks: list[tuple[float, str]] = []
    heights = sorted(height for height in shown if height is not None)
    for height in [*heights[:1], *heights[:0:-1]]:
        if all(abs(height - other) >= 1 / most for other, _ in ticks):
            ticks.append((height, shown[height]))
    return ticks
