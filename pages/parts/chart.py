"""A live chart: Plotly redrawn in place, so that zoom and legend choices survive every update.

`st.plotly_chart` builds its chart anew whenever the data change. This component hands only data to `Plotly.react`,
whose `uirevision` keeps what a person did to the chart. Its colours follow the page's theme.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import plotly.graph_objects as go
import streamlit as st

from core.charts import Metric, RunCurves, View, draw_metric
from pages.parts.style import PLOTLY_PATH

_HERE = Path(__file__).parent

_chart = st.components.v2.component(
    "resnet_lab_chart",
    html=(_HERE / "chart.html").read_text(encoding="utf-8"),
    css=(_HERE / "chart.css").read_text(encoding="utf-8"),
    js=(_HERE / "chart.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def show_chart(figure: go.Figure, *, key: str, title: str, file_name: str, height: int = 300) -> None:
    """Shows a figure under a stable `key`; `file_name` is what its downloads are called, without an ending.

    `title` stands as text above the figure and inside its PNG and SVG.
    """
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    _chart(
        key=key,
        data={
            # As Plotly writes it: arrays of numbers packed as bytes.
            "figure": figure.to_json(),
            "key": key,
            "title": title,
            "file_name": file_name,
            "height": height,
            "plotly": f"/{base}{PLOTLY_PATH}" if base else PLOTLY_PATH,
        },
    )


def show_metric(
    metric: Metric, runs: Sequence[RunCurves], view: View, *, key: str, file_name: str, height: int = 300
) -> None:
    """Shows one metric of one or several runs."""
    figure = draw_metric(metric, runs, view)
    show_chart(figure, key=key, title=figure.layout.title.text, file_name=f"{file_name}-{metric}", height=height)
