"""What a run notes between its epochs, on its page: losses by step, the machine's use, and figures of its layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import streamlit as st

from core.compare.lines import CurveView
from core.compare.norms import PANEL_HEIGHT, PANEL_WIDTH, ROWS, draw_norms, list_parts
from core.compare.snapshot import ComparedRun, read_runs
from core.compare.within import look_within
from core.runs.folder import Run
from pages.parts.chart.chart import show_chart, show_metrics
from pages.parts.frame.style import show_centred, show_problem


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


def show_layers(run: Run) -> None:
    """Norms of each layer, epoch by epoch: a dead one falls to the bottom, an exploding one leaves the top."""
    (compared,) = read_runs([run.id]) or (None,)
    parts = list_parts(compared) if compared else {}
    if not compared or not parts:
        show_centred(_say_why_none(run))
        return
    drawing = draw_norms(compared)
    show_chart(
        drawing.figure,
        key=f"chart.{run.id}.norms",
        title=drawing.title,
        file_name=f"{run.file_stem}-norms",
        height=len(ROWS) * PANEL_HEIGHT + 70,
        min_width=len(parts) * PANEL_WIDTH + 70,
    )
    st.caption(
        "2-norms of each convolution and linear layer at the last full update of an epoch: of its weights before it, "
        "of its gradient before any clipping, and of the update as a share of the weights. A norm of 0 stands at the "
        "bottom."
    )


def _say_why_none(run: Run) -> str:
    if run.spec.train.layer_norms:
        return "The norms of the layers begin with the first epoch."
    return "Norms of layers were not noted. Switch on Layer norms under Training on Build, and clone this run."
