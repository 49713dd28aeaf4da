"""Optuna's figures of one study in tabs, renewed while it runs; only the open one is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from core.charts.upright import AXIS_WIDTH, change_ranges
from core.studies.charts.axes import StudyView
from core.studies.charts.fields import slice_columns
from core.studies.charts.parallel import list_stops
from core.studies.charts.plots import PLOTS, PlotName
from core.studies.objectives import OBJECTIVES, Objective
from core.studies.points import Points
from core.studies.spec import StudySpec
from core.text.safe import name_stem
from pages.parts.chart.chart import show_chart
from pages.parts.chart.ranges import choose_ranges, keep_ranges, read_drawn
from pages.parts.frame.style import show_centred
from pages.parts.studies.look import Look, draw, find_importance

HEIGHTS: dict[PlotName, int] = {"Slice": 480, "Contour": 420, "Rank": 420, "Parallel Coordinate": 400, "Timeline": 400}
HEIGHT = 360
SLICE_WIDTH = 300
MOST_SLICES = 9
DEFAULT_SLICES = 4
DEFAULT_LINES = 8
WILD = 10.0
# Of these figures only finished trials and their order count, or there is nothing to stretch.
WITHOUT_PRUNED = ("Importance", "Timeline", "Pareto Front")
WITHOUT_LOG = ("Importance", "Contour", "Rank", "Timeline")


def list_plots(spec: StudySpec) -> list[PlotName]:
    """The figures that a study can have."""
    several = len(spec.objectives) > 1
    left_out = {"Intermediate Values"} if several else {"Pareto Front"}
    if len(spec.space) < 2:
        left_out |= {"Contour", "Rank"}
    return [plot for plot in PLOTS if plot not in left_out]


def show_plots(look: Look) -> int | None:
    """The open figure with its switches; the number of a trial whose point was clicked."""
    plots = list_plots(look.study.spec)
    # The Pareto front is what a study of several objectives is about.
    if len(look.study.spec.objectives) > 1:
        plots = ["Pareto Front", *(plot for plot in plots if plot != "Pareto Front")]
    picked = None
    for tab, plot in zip(st.tabs(plots, key="plot", bind="query-params"), plots, strict=True):
        if tab.open:
            with tab:
                picked = _show_plot(look, plot)
    return picked


def _show_plot(look: Look, plot: PlotName) -> int | None:
    view = _show_view(look, plot)
    drawing = draw(look, plot, view)
    if not drawing.figure:
        show_centred(drawing.notes[0])
        return None
    parallel = plot == "Parallel Coordinate"
    told = show_chart(
        drawing.figure,
        key=f"study.{look.study.name}.{plot}",
        title=drawing.title,
        file_name=f"{name_stem(look.study.name) or 'study'}-{plot.lower().replace(' ', '-')}",
        height=HEIGHTS.get(plot, HEIGHT),
        min_width=_least_width(plot, len(view.fields)),
        picks=plot != "Importance" and not parallel,
        brushes=parallel,
    )
    if isinstance(told, dict):
        keep_ranges(change_ranges(dict(view.ranges), told))
        st.rerun()
    hint = (
        "Drag along an axis, click a value on it, or choose Ranges, to see only the trials that pass there."
        if parallel
        else ""
    )
    if note := " ".join(drawing.notes) or hint:
        st.caption(note)
    return told if isinstance(told, int) else None


def _least_width(plot: PlotName, fields: int) -> int:
    """Pixels below which names of axes and of choices would be left out: the figure scrolls there."""
    match plot:
        case "Parallel Coordinate":
            return AXIS_WIDTH * (1 + fields)
        case "Slice":
            return SLICE_WIDTH * slice_columns(fields)
    return 0


def _show_view(look: Look, plot: PlotName) -> StudyView:
    """The switches of a figure, kept in the address."""
    points, spec = look.points, look.study.spec
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="study_view"):
        objective, other = _choose_objectives(spec, plot)
        fields = _choose_fields(look, plot, objective)
        pruned = log = False
        if plot not in WITHOUT_PRUNED and points.where("pruned").any():
            # In the two figures that show them apart, pruned trials harm nothing.
            apart = plot in ("History", "Intermediate Values")
            key = "pruned" if apart else "pruned_too"
            pruned = st.toggle("Include pruned", apart, key=key, bind="query-params")
        values = _drawn_values(points, plot, objective, pruned)
        if plot not in WITHOUT_LOG and len(values) and (values > 0).all():
            # A network that blew up would press all others onto the axis.
            wild = bool(values.max() > WILD * np.median(values))
            log = st.toggle("Log scale", wild, key="log", bind="query-params")
        drawn = read_drawn() if plot == "Parallel Coordinate" else {}
        view = StudyView(pruned, log, fields, objective, other, tuple(drawn.items()))
        if plot == "Parallel Coordinate":
            choose_ranges("study", partial(list_stops, points, view))
    return view


def _drawn_values(points: Points, plot: PlotName, objective: int, pruned: bool) -> npt.NDArray[np.float64]:
    """All values on the axis of the objective."""
    if plot == "Intermediate Values":
        return np.concatenate([np.empty(0), *(values for _, values in points.curves)])
    drawn: npt.NDArray[np.float64] = points.values[points.with_value(objective, pruned), objective]
    return drawn


def _choose_objectives(spec: StudySpec, plot: PlotName) -> tuple[int, int]:
    names = list(spec.objectives)
    if len(names) == 1:
        return 0, 0
    if plot == "Pareto Front":
        x = _choose("X axis", names, "pareto_x", names[1])
        y = _choose("Y axis", names, "pareto_y", names[0])
        return names.index(x), names.index(y)
    return names.index(_choose("Objective", names, "objective", names[0])), 0


def _choose(label: str, names: Sequence[Objective], key: str, first: Objective) -> Objective:
    titles = {name: OBJECTIVES[name].label for name in names}
    return st.selectbox(
        label, list(titles), names.index(first), titles.__getitem__, key=key, bind="query-params", width=210
    )


def _choose_fields(look: Look, plot: PlotName, objective: int) -> tuple[str, ...]:
    """Which fields a figure shows; at first those that matter most."""
    if plot not in ("Slice", "Contour", "Rank", "Parallel Coordinate"):
        return ()
    names = {field.path: field.name for field in look.points.fields}
    importance = find_importance(look, objective)
    ranked = sorted(names, key=lambda path: -importance.share_of(path))
    if plot in ("Contour", "Rank"):
        return (
            _choose_field("X axis", names, "x_field", ranked[0]),
            _choose_field("Y axis", names, "y_field", ranked[1]),
        )
    first = ranked[: DEFAULT_SLICES if plot == "Slice" else DEFAULT_LINES]
    chosen = st.multiselect(
        "Fields",
        list(names),
        key="slices" if plot == "Slice" else "lines",
        format_func=lambda path: names[path],
        bind="query-params",
        placeholder="Those that matter most",
        max_selections=MOST_SLICES if plot == "Slice" else None,
        width=420,
    )
    return tuple(chosen or first)


def _choose_field(label: str, names: dict[str, str], key: str, first: str) -> str:
    # None is "the one that matters most", which may be another after the next trial.
    options: dict[str, Any] = {"bind": "query-params", "placeholder": names[first], "width": 230}
    return st.selectbox(label, list(names), None, names.__getitem__, key=key, **options) or first
