"""A study's Parallel Coordinate: trials as lines across the searched fields to their value."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import numpy.typing as npt

from core.charts.palette import GREY, Ink, list_dark_steps, pick_result_ink
from core.charts.upright import (
    COLOUR_STEPS,
    Ranges,
    Stops,
    Upright,
    find_stops,
    lay_out_uprights,
    nearest_step,
    space_ticks,
)
from core.studies.charts import axes
from core.studies.charts.axes import Drawn, Rows, StudyView, Trace
from core.studies.importance import Importance
from core.studies.objectives import OBJECTIVES
from core.studies.points import FloatArray, Points
from core.text.words import count_of, list_first

TITLE_LENGTH = 22
MOST_NAMED = 12
FEW = 40  # lines that are drawn wider than those of a crowd


def draw_parallel(points: Points, view: StudyView, _: Importance) -> Drawn:
    """One line a trial through its fields to its value on the last axis; drag along an axis to see only some."""
    if not view.fields:
        return axes.draw_nothing("Choose a field.")
    rows = axes.rows_with(points, view, view.fields)  # from worst to best
    if not len(rows):
        return axes.draw_nothing()
    uprights = list(_make_uprights(points, view, rows))
    ranges = {axis.key: dict(view.ranges)[axis.key] for axis in uprights if axis.key in dict(view.ranges)}
    heights = np.array([axis.heights for axis in uprights], np.float64).T  # (trials, axes)
    kept = _find_kept(heights, uprights, ranges)
    inks = _pick_inks(heights[:, -1], points.sign(view.objective))
    layout = lay_out_uprights(uprights, "Parallel Coordinate", len(rows), ranges, inks)
    layout["meta"] |= {"dark": list_dark_steps(list(inks.values()))}
    layout["meta"] |= axes.tabulate_trials(points, rows, view.fields)["meta"]
    layout["showlegend"] = False
    traces = [*_draw_lines(heights, kept, inks), _mark_ends(points, view, rows[kept], heights[kept])]
    return traces, layout, (_tell_kept(points.numbers[rows[kept]][::-1].tolist(), len(rows)),) if ranges else ()


def list_stops(points: Points, view: StudyView) -> list[Stops]:
    """Between which values a range of each axis can lie."""
    rows = axes.rows_with(points, view, view.fields) if view.fields else np.empty(0, np.intp)
    if not len(rows):
        return []
    return [
        find_stops(axis, partial(_tell_value, points, axis.key, rows)) for axis in _make_uprights(points, view, rows)
    ]


def _tell_value(points: Points, key: str, rows: Rows, index: int) -> str:
    row = int(rows[index])
    objectives = {OBJECTIVES[name].label: place for place, name in enumerate(points.objectives)}
    if key not in objectives:
        return axes.tell_field(points, row, key)
    place = objectives[key]
    return OBJECTIVES[points.objectives[place]].show(float(points.values[row, place]))


def _tell_kept(numbers: list[int], count: int) -> str:
    """The trials that pass, the best first, and what to do next."""
    named = f": {list_first([str(number) for number in numbers], MOST_NAMED)}" if numbers else ""
    return f"{len(numbers)} of {count_of(count, 'trial')} within the ranges{named}. Click a range to lift it."


def _draw_lines(heights: FloatArray, kept: npt.NDArray[np.bool_], inks: dict[float, Ink]) -> Iterator[Trace]:
    """A trace a colour, the best on top; what is outside a range is grey, below all others."""
    if not kept.all():
        yield _join_lines(heights[~kept], "others", GREY, 1.0, 0.25)
    width = 2.0 if kept.sum() <= FEW else 1.2
    steps = [nearest_step(float(height)) for height in heights[kept, -1]]
    for number, step in enumerate(dict.fromkeys(steps)):  # rows come from worst to best
        those = heights[kept][[each == step for each in steps]]
        yield _join_lines(those, f"step{number}", inks[step].light, width, 1.0)


def _join_lines(heights: FloatArray, uid: str, colour: str, width: float, opacity: float) -> Trace:
    """Lines of one look as one trace, with gaps between them."""
    gap = np.full((len(heights), 1), np.nan)
    across = np.broadcast_to(np.append(np.arange(heights.shape[1]), np.nan), (len(heights), heights.shape[1] + 1))
    trace: Trace = {"type": "scatter", "mode": "lines", "uid": uid, "hoverinfo": "skip", "opacity": opacity}
    trace |= {"line": {"color": colour, "width": width}}
    return trace | {"x": across.ravel(), "y": np.hstack([heights, gap]).ravel()}


def _mark_ends(points: Points, view: StudyView, rows: Rows, heights: FloatArray) -> Trace:
    """Where lines meet the last axis, what a pointer finds: the trial in full."""
    marker = {"size": 9, "opacity": 0}
    ends = axes.mark_trials(points, rows, view.fields, uid="ends", marker=marker)
    return ends | {"x": np.full(len(rows), heights.shape[1] - 1.0), "y": heights[:, -1]}


def _find_kept(heights: FloatArray, uprights: list[Upright], ranges: Ranges) -> npt.NDArray[np.bool_]:
    kept = np.ones(len(heights), np.bool_)
    for at, axis in enumerate(uprights):
        low, high = ranges.get(axis.key, (0.0, 1.0))
        kept &= (heights[:, at] >= low - 1e-9) & (heights[:, at] <= high + 1e-9)
    return kept


def _pick_inks(heights: FloatArray, sign: int) -> dict[float, Ink]:
    """The colour of each height on the last axis; a few wild trials do not make all others look alike."""
    reach = float(np.quantile(heights if sign > 0 else 1 - heights, axes.WORST_COLOURED)) or 1.0
    lags = {step: (step if sign > 0 else 1 - step) / reach for step in COLOUR_STEPS}
    return {step: pick_result_ink(min(1.0, lag)) for step, lag in lags.items()}


def _make_uprights(points: Points, view: StudyView, rows: Rows) -> Iterator[Upright]:
    """The fields, then the objectives, the chosen one last."""
    for path in view.fields:
        yield _stand_field(points, path, rows)
    for objective in range(len(points.objectives)):
        if objective != view.objective:
            yield _stand_objective(points, objective, rows, log=False)
    yield _stand_objective(points, view.objective, rows, log=view.log)


def _stand_objective(points: Points, objective: int, rows: Rows, *, log: bool) -> Upright:
    entry, values = OBJECTIVES[points.objectives[objective]], points.values[rows, objective]
    title = entry.label
    if log and (values > 0).all():
        return Upright(title, title, *_scale_log(values))
    ticks = _list_round(float(values.min()), float(values.max()))
    shown = {tick: f"{100 * tick:.4g} %" if entry.is_share else f"{tick:,.4g}" for tick in ticks}
    return Upright(title, title, *_scale(values, shown))


def _stand_field(points: Points, path: str, rows: Rows) -> Upright:
    field, positions = points.field(path), points.at(path)[rows]
    title = _cut(field.name, TITLE_LENGTH)
    if field.scale == "log":
        return Upright(path, title, *_scale_log(positions))
    if field.scale == "linear":
        ticks = field.ticks or _list_round(float(positions.min()), float(positions.max()))
        return Upright(path, title, *_scale(positions, {float(tick): f"{tick:.4g}" for tick in ticks}))
    shown = {float(place): label for place, label in enumerate(field.labels)}
    return Upright(path, title, *_scale(positions, shown, (0.0, len(field.labels) - 1.0)))


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


Scaled = tuple[list[float | None], list[tuple[float, str]]]


def _scale(values: FloatArray, shown: dict[float, str], ends: tuple[float, float] | None = None) -> Scaled:
    """Heights from the lowest to the highest value, and the ticks between; a single value stands in the middle."""
    low, high = ends or (float(values.min()), float(values.max()))
    if high <= low:
        return [0.5] * len(values), [(0.5, shown.get(low, f"{low:,.4g}"))]
    reach = high - low
    placed = {(value - low) / reach: text for value, text in shown.items() if low <= value <= high}
    return ((values - low) / reach).tolist(), space_ticks(placed)


def _scale_log(values: FloatArray) -> Scaled:
    """The ticks are powers of ten, over one or two of them also their twice and five times."""
    scaled = np.log10(values)
    low, high = float(scaled.min()), float(scaled.max())
    decades = range(int(np.floor(low)), int(np.ceil(high)) + 1)
    steps = (1,) if high - low > 2.5 else (1, 2, 5)
    inner = [tick for decade in decades for step in steps if low <= (tick := float(decade + np.log10(step))) <= high]
    ticks = inner if len(inner) > 1 else [low, *inner, high] if high > low else [low]
    return _scale(scaled, {tick: f"{10**tick:.3g}" for tick in ticks})


def _list_round(low: float, high: float, about: int = 5) -> list[float]:
    """Round values between the ends, 1, 2 or 5 times a power of ten apart; the ends where there are none."""
    if high <= low:
        return [low]
    rough = (high - low) / about
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= 0.75 * rough)
    # 0.9 / 0.1 is a little under 9.
    first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
    inner = [min(high, max(low, float(f"{number * step:.12g}"))) for number in range(first, last + 1)]
    return inner if len(inner) > 1 else [low, high]
