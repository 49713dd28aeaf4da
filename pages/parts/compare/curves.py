"""The curves of a comparison and how they are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, get_args

import streamlit as st

from core.charts.figure import Drawing
from core.compare.curves import draw_curves, explain_lines
from core.compare.lines import CURVES, SPREADS, Axis, CurveMetric, CurveView, Spread
from core.compare.units import Unit
from pages.parts.chart.chart import show_chart
from pages.parts.frame.style import show_centred
from pages.parts.frame.widgets import choose

HEIGHT = 400


def show_curves(units: Sequence[Unit]) -> None:
    """The chosen metrics, each in a chart of its own; they grow while runs train."""
    metrics, view = _show_view(any(unit.is_group for unit in units))
    started = [unit for unit in units if any(run.rows for run in unit.runs)]
    if not started:
        show_centred("The curves begin with the first epoch.")
        return
    width = 2 if len(metrics) > 1 else 1
    for start in range(0, len(metrics), width):
        for column, metric in zip(st.columns(width, gap="medium"), metrics[start : start + width], strict=False):
            with column:
                show_drawing(draw_curves(metric, started, view), key=f"compare.{metric}", height=HEIGHT)
    notes = [explain_lines(started, view)]
    if waiting := [unit.name for unit in units if unit not in started]:
        notes.append(f"No epoch yet: {', '.join(waiting)}.")
    st.html("".join(f'<p class="lab-muted lab-small run-facts">{escape(note)}</p>' for note in notes))


def show_drawing(drawing: Drawing, *, key: str, height: int, **options: Any) -> Any:
    """A figure, and below it in a line what it leaves out; options and result are those of `show_chart`."""
    file_name = key.replace(".", "-")
    event = show_chart(drawing.figure, key=key, title=drawing.title, file_name=file_name, height=height, **options)
    if drawing.notes:
        st.html(f'<p class="lab-muted lab-small compare-note">{escape(" · ".join(drawing.notes))}</p>')
    return event


def _show_view(bands: bool) -> tuple[list[CurveMetric], CurveView]:
    """All of it in the address; `bands` asks which spread they show."""
    spread: Spread = "sd"
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="compare_view"):
        metrics: list[CurveMetric] = st.pills(
            "Metric",
            list(CURVES),
            selection_mode="multi",
            default=["accuracy", "loss"],
            format_func=lambda name: CURVES[name].title,
            key="metric",
            bind="query-params",
            wrap=True,
        )
        x = choose("X axis", {axis: axis for axis in get_args(Axis)}, "x", "epoch")
        smoothing = st.slider(
            "Smoothing",
            0.0,
            1.0,
            0.0,
            0.05,
            key="smooth",
            bind="query-params",
            width=150,
            help="Exponential average of loss and accuracy. Up to ten runs keep their raw line faint behind.",
        )
        training = st.toggle("Training", True, key="training", bind="query-params", help="The dashed lines.")
        log = st.toggle("Log scale", key="log", bind="query-params", help="Loss and learning rate.")
        clip = st.toggle(
            "Hide outliers",
            key="clip",
            bind="query-params",
            help="Zooms to what lies within 1.5 interquartile ranges of the quartiles (Tukey 1977); the number "
            "of hidden points is below the chart.",
        )
        if bands:
            spread = choose("Band", {name: f"± {words}" for name, words in SPREADS.items()}, "band", "sd")
    return metrics or ["accuracy"], CurveView(x, smoothing, log, training, clip, spread)
