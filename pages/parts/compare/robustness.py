"""How far the accuracy of each run falls on spoiled images, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from core.compare.snapshot import ComparedRun
from core.compare.units import Unit
from core.examine.robustness import METHOD, TITLES, Measurement, find_measured, find_under_way, measure, require_alike
from core.examine.weights import ExamineError, Weights, find_weights
from core.runs.folder import Run
from core.runs.records import RunNotFoundError, WeightsName
from core.runs.robustness import Robustness
from core.runs.store import open_run
from core.text.formats import format_percent
from core.text.words import count_of, list_first
from pages.parts.chart.strengths import show_strengths
from pages.parts.compare.table import weights_control
from pages.parts.frame.style import show_note, show_problem
from pages.parts.frame.table import show_wide_table
from pages.parts.frame.widgets import renew_while


def show_robustness(units: Sequence[Unit]) -> None:
    """Curves and means of what is measured, and a button for the rest."""
    which = weights_control()
    renew_while(lambda: bool(_list_under_way(units, which)), lambda: _show(units, which))


def _open(run: ComparedRun, which: WeightsName) -> tuple[Run, Weights] | None:
    """A run with a checkpoint of these weights and images to measure on; None without."""
    try:
        folder = open_run(run.id)
        weights = find_weights(folder, which)
    except (ExamineError, RunNotFoundError):
        return None
    return (folder, weights) if weights.key == which and weights.file and folder.has_validation else None


def _list_under_way(units: Sequence[Unit], which: WeightsName) -> list[Measurement]:
    opened = [_open(run, which) for unit in units for run in unit.seeds]
    found = [find_under_way(*each) for each in opened if each]
    return [each for each in found if each and not each.is_over()]


def _show(units: Sequence[Unit], which: WeightsName) -> None:
    measured: list[tuple[Unit, list[Robustness]]] = []
    waiting: list[tuple[Run, Weights]] = []
    without: list[str] = []
    for unit in units:
        seeds = []
        for run in unit.seeds:
            opened = _open(run, which)
            if opened is None:
                without.append(run.name)
            elif found := find_measured(*opened):
                seeds.append(found)
            else:
                waiting.append(opened)
        if seeds:
            measured.append((unit, seeds))
    if under_way := _list_under_way(units, which):
        _show_progress(under_way)
    elif waiting:
        _show_button(waiting)
    if without:
        show_note(f"Without a checkpoint of these weights, or without validation images: {list_first(without, 5)}.")
    if measured:
        _show_measured(measured)


def _show_progress(under_way: Sequence[Measurement]) -> None:
    done, total = sum(each.done for each in under_way), sum(each.total for each in under_way)
    st.progress(done / total if total else 0.0, f"Measuring {count_of(len(under_way), 'run')}: {done:,} answers")


def _show_button(waiting: Sequence[tuple[Run, Weights]]) -> None:
    for run, weights in waiting:
        failed = find_under_way(run, weights)
        if failed and failed.error:
            show_problem(f"{run.about.name or run.id} could not be measured. {failed.error}")
    show_note(f"Not measured yet: {list_first([run.about.name or run.id for run, _ in waiting], 5)}. {METHOD}")
    if st.button(f"Measure {count_of(len(waiting), 'run')}", icon=":material/blur_on:", key="compare_measure"):
        for run, weights in waiting:
            measure(run, weights)
        st.rerun()


def _show_measured(measured: Sequence[tuple[Unit, list[Robustness]]]) -> None:
    try:
        require_alike([each for _, seeds in measured for each in seeds])
    except ExamineError as error:
        st.html(f'<p class="lab-callout">{escape(str(error))}</p>')
    rows = []
    for unit, seeds in measured:
        name = f"{unit.name} ({count_of(len(seeds), 'seed')})" if unit.is_group else unit.name
        means = [_mean([each.mean(kind) for each in seeds]) for kind in ("", *TITLES)]
        rows.append([name, _mean([each.accuracy for each in seeds]), *means])
    heads = ["Mean accuracy", "as it is", "mean of all", *TITLES.values()]
    show_wide_table(heads, rows, label="Accuracy by corruption", dots=[unit.ink.css for unit, _ in measured])
    lines = [(unit.id, unit.name, unit.ink, unit.symbol, seeds) for unit, seeds in measured]
    show_strengths(lines, measured[0][0].first.spec.data.num_classes, key="compare.robustness", file_name="robustness")
    images = measured[0][1][0].images
    show_note(f"{images:,} validation images in each point; the dotted line is guessing. {METHOD}")


def _mean(values: Sequence[float]) -> str:
    return format_percent(sum(values) / len(values))
