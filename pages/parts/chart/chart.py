"""A live chart: Plotly redrawn in place, so that zoom and legend choices survive every update.

`st.plotly_chart` builds its chart anew whenever the data change. This component hands only data to `Plotly.react`,
whose `uirevision` keeps what a person did to the chart. Its colours follow the page's theme.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from core.charts.assets import FIGURE_SCRIPT
from core.compare.curves import draw_curves
from core.compare.lines import CurveMetric, CurveView
from core.compare.snapshot import ComparedRun
from core.compare.units import make_units
from pages.parts.frame.assets import load, read_asset
from pages.parts.frame.style import PLOTLY_PATH, serve_at

# Precedes the script of every component that shows a figure or saves one.
CHART_SCRIPT = FIGURE_SCRIPT + read_asset(Path(__file__).with_name("plotly.js"))
CHART_STYLE = read_asset(Path(__file__).with_name("chart.css"))

_chart = load("chart", __file__, "pick", "brush", js=CHART_SCRIPT)


def show_chart(
    figure: str,
    *,
    key: str,
    title: str,
    file_name: str,
    height: int = 300,
    min_width: int = 0,
    picks: bool = False,
    brushes: bool = False,
) -> Any:
    """Shows a figure, given in Plotly's JSON, under a stable `key`.

    `title` is above the figure and in its PNG and SVG; `file_name` is what its downloads are called, without
    an ending. Where there is less room than `min_width` pixels it scrolls sideways. With `picks`, a click on a point is
    an event: this then returns the point's `customdata`, once. With `brushes`, a range drawn on a vertical axis is one:
    {"axis": its key, "range": [low, high] or None to clear it}.
    """
    shown = _chart(
        key=key,
        data={
            # As Plotly writes it: arrays of numbers packed as bytes.
            "figure": figure,
            "key": key,
            "title": title,
            "file_name": file_name,
            "height": height,
            "min_width": min_width,
            "plotly": serve_at(PLOTLY_PATH),
            "picks": picks,
            "brushes": brushes,
        },
    )
    return shown.brush if brushes else shown.pick


def show_metrics(
    metrics: Sequence[CurveMetric],
    runs: Sequence[ComparedRun],
    view: CurveView,
    *,
    key: str,
    file_name: str,
    height: int,
    steps: ComparedRun | None = None,
    keeps: str = "",
) -> None:
    """Shows metrics of one or several runs, each in a chart of its own, side by side.

    `steps` as in `draw_curves`; `keeps` is the id of the run whose page it is, which keeps its colour.
    """
    units = make_units(runs, fold=False, keeps=keeps)
    for column, metric in zip(st.columns(len(metrics), gap="medium"), metrics, strict=True):
        with column:
            chart = draw_curves(metric, units, view, steps)
            name = f"{file_name}-{metric}"
            show_chart(chart.figure, key=f"{key}.{metric}", title=chart.title, file_name=name, height=height)
