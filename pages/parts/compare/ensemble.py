"""What the compared runs come to together: one row for the mean of their probabilities, held against each of them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from core.compare.ensembles import METHOD, Ensemble, Row, find_ensemble
from core.compare.units import Unit
from core.compare.verdicts import NoPredictionsError, warn_of_chance
from core.text.formats import format_count, format_percent
from pages.parts.compare.gallery import draw_dot
from pages.parts.compare.table import weights_control
from pages.parts.frame.style import show_note
from pages.parts.frame.table import show_wide_table
from pages.parts.transfer.take_away import show_formats

FORMATS = ("ensemble-onnx", "predict")


def show_ensemble(units: Sequence[Unit]) -> None:
    """Figures, verdicts against each member, and the files to take away."""
    weights = weights_control()
    runs = [run for unit in units for run in unit.runs if not run.members]
    try:
        found = find_ensemble(runs, weights)
    except NoPredictionsError as error:
        st.html(f'<p class="lab-muted">{escape(str(error))}</p>')
        return
    for remark in found.remarks:
        st.html(f'<p class="lab-callout">{escape(remark)}</p>')
    rows = found.rows()
    heads = ["", "Test accuracy", "95 % interval", "Calibration error", "Loss", "Parameters", "Multiply-adds"]
    unit_of = {run.id: unit for unit in units for run in unit.runs}
    show_wide_table(
        heads,
        [_to_cells(row) for row in rows],
        label="The ensemble and its members",
        bold=[index == 0 for index in range(len(rows))],
        dots=["", *(unit_of[run.id].ink.css for run in found.members)],
    )
    show_note(found.tell_budget())
    left, right = st.columns([0.56, 0.44], gap="large")
    with left:
        _show_verdicts(found, units)
        show_note(METHOD)
    with right:
        st.html('<p class="lab-title">Take away</p>')
        show_formats([run.id for run in found.members], FORMATS, weights)


def _to_cells(row: Row) -> list[str]:
    low, high = row.accuracy.interval.low, row.accuracy.interval.high
    return [
        row.name,
        format_percent(row.accuracy.value),
        f"{100 * low:.2f} to {100 * high:.2f}",
        format_percent(row.calibration_error),
        f"{row.loss:.4f}",
        f"{row.parameters:,}",
        format_count(row.multiply_adds),
    ]


def _show_verdicts(found: Ensemble, units: Sequence[Unit]) -> None:
    unit_of = {run.id: unit for unit in units for run in unit.runs}
    verdicts = found.verdicts()
    cards = "".join(
        f'<div class="compare-verdict{" settled" if comparison.is_settled else ""}">{draw_dot(unit_of[run.id])}'
        f'<div><p class="pair">The ensemble against {escape(run.name)}</p><p>{escape(sentence)}</p></div></div>'
        for run, comparison, sentence in verdicts
    )
    st.html(f'<div class="compare-verdicts">{cards}</div>')
    if warning := warn_of_chance(len(verdicts)):
        st.caption(warning)
