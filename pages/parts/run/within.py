"""What a run notes between its epochs, on its page: losses by step, the machine's use, and figures of its layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import streamlit as st

from core.compare.lines import CurveView
from core.compare.snapshot import ComparedRun, read_runs
from core.compare.within import look_within
from core.runs.folder import Run
from pages.parts.chart.chart import show_metrics
from pages.parts.frame.style import show_problem


def read_within(run: Run, runs: Sequence[ComparedRun], what: Literal["steps", "use"]) -> ComparedRun | None:
    """The run with the rows of this file, if it has any; a line above them says what is wrong with the file."""
    if not runs:
        return None
    within, fault = look_within(runs[0], what)
    if fault:
        show_problem(f"{fault}. What follows in this file is not shown.")
    return within if within.rows else None


def show_use(run: Run) -> None:
    """Use of device and memory over the training time; of older runs by epoch, as the metrics have it."""
    runs = read_runs([run.id])
    if within := read_within(run, runs, "use"):
        runs, view = [within], CurveView("minutes")
    elif any(name.startswith("system/") for row in run.rows()[:1] for name in row):
        view = CurveView("minutes" if st.query_params.get("x") == "minutes" else "epoch")
    else:
        st.html('<p class="lab-muted">Use of the device and memory is drawn from the first seconds of training on.</p>')
        return
    show_metrics(("use", "memory"), runs, view, key=f"chart.{run.id}", file_name=run.file_stem, height=210)
