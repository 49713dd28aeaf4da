"""The confusion matrix with cells to click: the chosen one is kept in the address."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.examine.charts import draw_matrix
from core.stats.scores import IntArray
from pages.parts.chart.chart import CHART_SCRIPT, CHART_STYLE
from pages.parts.examine.address import choose_option
from pages.parts.frame.address import set_params
from pages.parts.frame.assets import load
from pages.parts.frame.style import PLOTLY_PATH, serve_at

_matrix = load("matrix", __file__, "cell", css=CHART_STYLE, js=CHART_SCRIPT)

Cell = tuple[int, int]


def read_cell(num_classes: int) -> Cell | None:
    """The (true, predicted) classes that the address names; None where it names no cell of this matrix."""
    parts = st.query_params.get("cell", "").split("-")
    if len(parts) != 2 or not all(part.isdecimal() and len(part) < 6 for part in parts):
        return None
    true, predicted = int(parts[0]), int(parts[1])
    return (true, predicted) if max(true, predicted) < num_classes else None


def show_units() -> bool:
    """Whether cells show counts or the share of their true class; one switch for every matrix."""
    units = {"counts": "Images", "rates": "% of true class"}
    return choose_option("Cells show", "cells", units, label_visibility="collapsed") == "rates"


def show_matrix(
    matrix: IntArray, classes: Sequence[str], *, key: str, title: str, rates: bool, file_name: str
) -> Cell | None:
    """Shows a matrix (true, predicted) and returns the chosen cell; it is saved as CSV, PNG and SVG."""
    chosen = read_cell(len(classes))
    event = _matrix(
        key=key,
        data={
            "classes": list(classes),
            "counts": matrix.tolist(),
            "rates": rates,
            "chosen": list(chosen) if chosen else None,
            "title": title,
            "file_name": file_name,
            # What its picture is drawn from.
            "figure": draw_matrix(matrix, classes, rates=rates, title=title).figure,
            "plotly": serve_at(PLOTLY_PATH),
        },
    )
    if event.cell is not None:
        set_params(cell=event.cell)
        st.rerun()
    return chosen
