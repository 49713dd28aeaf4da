"""Optuna's figures of a study, by Optuna's names, drawn lean enough to be renewed while the study runs.

`optuna.visualization` draws the same for a notebook: with 1,000 trials its figures take 0.2 to 7 seconds and up to
22 MB each, show parameters as JSON, and know no trial to click. Colours of text, grid and ground are the page's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from core.charts.figure import Drawing, to_json
from core.studies.charts import fields as by_field
from core.studies.charts import trials as by_time
from core.studies.charts.axes import DARK_STEPS, LAYOUT, Drawn, StudyView
from core.studies.charts.parallel import draw_parallel
from core.studies.importance import Importance
from core.studies.points import Points

PlotName = Literal[
    "History",
    "Importance",
    "Slice",
    "Contour",
    "Parallel Coordinate",
    "Rank",
    "Timeline",
    "Intermediate Values",
    "Pareto Front",
]


def draw_study(plot: PlotName, points: Points, view: StudyView, importance: Importance) -> Drawing:
    """One of the figures; `importance` is what `rank_fields` gave. Where there is nothing to draw, the figure is ""
    and a note says why: empty axes would go from -1 to 6."""
    traces, layout, notes = _DRAW[plot](points, view, importance)
    shown = {**LAYOUT, "uirevision": plot, "title": {"text": plot}, **layout}
    meta = layout.get("meta", {})
    shown["meta"] = {**meta, "dark": {**DARK_STEPS, **meta.get("dark", {})}}
    return Drawing(to_json(traces, shown) if traces else "", plot, notes)


_DRAW: dict[PlotName, Callable[[Points, StudyView, Importance], Drawn]] = {
    "History": by_time.draw_history,
    "Importance": by_field.draw_importance,
    "Slice": by_field.draw_slice,
    "Contour": by_field.draw_contour,
    "Parallel Coordinate": draw_parallel,
    "Rank": by_field.draw_rank,
    "Timeline": by_time.draw_timeline,
    "Intermediate Values": by_time.draw_intermediate,
    "Pareto Front": by_field.draw_pareto,
}
PLOTS: tuple[PlotName, ...] = tuple(_DRAW)
