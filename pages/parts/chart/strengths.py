"""How accuracy falls on spoiled images: a chart a corruption, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from core.charts.palette import Ink
from core.charts.robustness import StrengthLine, draw_strengths
from core.examine.robustness import TITLES
from core.runs.robustness import Robustness
from pages.parts.chart.chart import show_chart

_COLUMNS, _HEIGHT = 3, 230


def make_lines(kind: str, measured: Sequence[tuple[str, str, Ink, str, Sequence[Robustness]]]) -> list[StrengthLine]:
    """Lines of one corruption from (id, name, ink, symbol, seeds)."""
    return [
        StrengthLine(uid, name, ink, symbol, np.array([each.accuracies(kind) for each in seeds]))
        for uid, name, ink, symbol, seeds in measured
    ]


def show_strengths(
    measured: Sequence[tuple[str, str, Ink, str, Sequence[Robustness]]], num_classes: int, *, key: str, file_name: str
) -> None:
    """One chart a corruption, all on the same scale."""
    kinds = list(TITLES)
    for start in range(0, len(kinds), _COLUMNS):
        for column, kind in zip(st.columns(_COLUMNS, gap="medium"), kinds[start : start + _COLUMNS], strict=False):
            with column:
                drawing = draw_strengths(make_lines(kind, measured), TITLES[kind], 1 / num_classes)
                show_chart(
                    drawing.figure,
                    key=f"{key}.{kind}",
                    title=drawing.title,
                    file_name=f"{file_name}-{kind}",
                    height=_HEIGHT,
                )
