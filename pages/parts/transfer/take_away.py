"""Taking runs away: every format with what it is for; nothing is made before it is asked for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import streamlit as st

from core.export.formats import FORMATS, Exported, Format
from core.export.make import export_runs
from core.export.outbox import address_of
from core.helper.process import warm_up
from core.runs.folder import Run
from core.runs.records import WeightsName
from core.text.formats import format_bytes
from pages.parts.frame.assets import load, show_style
from pages.parts.frame.style import serve_at, show_problem
from pages.parts.frame.widgets import choose, renew_while
from pages.parts.transfer.jobs import Job, Report

# A file that was ready longer ago than this is not fetched by itself any more: the page was opened again.
FRESH_SECONDS = 10.0
WEIGHTS: dict[WeightsName, str] = {"best": "Best on validation", "last": "Last"}
_JOBS = "take_away.jobs"

_link = load("fetch", __file__)


@dataclass(frozen=True)
class _Wish:
    """One file that somebody asked for; the key of its job."""

    ids: tuple[str, ...]
    format: str
    checkpoint: WeightsName = "best"
    checkpoints: bool = True

    def fulfil(self, report: Report) -> tuple[Exported, float]:
        made = export_runs(self.ids, self.format, self.checkpoint, checkpoints=self.checkpoints, report=report)
        return made, time.time()


def _jobs() -> dict[_Wish, Job[tuple[Exported, float]]]:
    """This session's own; the files themselves are on the disk."""
    jobs: dict[_Wish, Job[tuple[Exported, float]]] = st.session_state.setdefault(_JOBS, {})
    return jobs


def _start(wish: _Wish) -> None:
    _jobs()[wish] = Job(wish.fulfil)


def show_take_away(run: Run) -> None:
    show_style(__file__)
    if run.checkpoints() and run.foreign() is None:
        warm_up("core.engine.export")  # torch's import is most of what an ONNX file takes
    renew_while(lambda: _is_busy((run.id,)), lambda: _show_one(run))


def _show_one(run: Run) -> None:
    size = sum(file.bytes for file in run.checkpoints())
    checkpoint: WeightsName = "best" if run.has_validation else "last"
    with st.container(horizontal=True, gap="large", vertical_alignment="center", key="take_choices"):
        if size and run.has_validation:
            checkpoint = choose("Weights of a model", WEIGHTS, f"take.weights.{run.id}", "best", bind=None)
        with_checkpoints = bool(size) and st.toggle(
            f"Checkpoints in the run folder ({format_bytes(size)})",
            True,
            key=f"take.checkpoints.{run.id}",
            help="Without them the run keeps its curves and predictions, but cannot resume or predict.",
        )
    is_ours = run.foreign() is None
    for format in FORMATS.values():
        if format.least > 1 or not (is_ours or format.is_of_any):
            continue
        weights = checkpoint if format.of_weights else "best"
        _show_format(format, _Wish((run.id,), format.key, weights, with_checkpoints or format.key != "zip"))
    if not is_ours:
        st.caption("Another tool logged it: there is no network or spec of this lab to take away.")


def show_several(run_ids: Sequence[str]) -> None:
    """The formats that take several runs, in a popover."""
    ids = tuple(run_ids)

    def show() -> None:
        for format in FORMATS.values():
            if format.several and not format.of_weights:  # those stand with the ensemble
                _show_format(format, _Wish(ids, format.key))

    with st.popover("Take away", icon=":material/download:", key="take"), st.container(width=380, key="take_several"):
        show_style(__file__)
        renew_while(lambda: _is_busy(ids), show)


def show_formats(run_ids: Sequence[str], keys: Sequence[str], checkpoint: WeightsName) -> None:
    """These formats of several runs at once, with the weights that are named."""
    ids = tuple(run_ids)

    def show() -> None:
        for key in keys:
            _show_format(FORMATS[key], _Wish(ids, key, checkpoint))

    show_style(__file__)
    renew_while(lambda: _is_busy(ids), show)


def _is_busy(ids: tuple[str, ...]) -> bool:
    return any(wish.ids == ids and not job.is_over() for wish, job in _jobs().items())


def _show_format(format: Format, wish: _Wish) -> None:
    """A row: the title, a sentence, a button; below it the progress of the file, or the result."""
    job = _jobs().get(wish)
    name = f"{format.key}.{abs(hash(wish))}"
    with st.container(gap="xsmall", key=f"take_row.{name}"):
        with st.container(horizontal=True, vertical_alignment="center", key=f"take_line.{name}"):
            st.html(
                f'<div class="take-head"><b>{escape(format.title)}</b> '
                f'<span class="lab-muted lab-small">{escape(format.purpose)}</span></div>'
            )
            working = job is not None and not job.is_over()
            st.button(
                f"Preparing, {job.describe()}" if job and working else "Download",
                icon=":material/hourglass_top:" if working else ":material/download:",
                key=f"take_get.{name}",
                disabled=working,
                on_click=_start,
                args=(wish,),
            )
        if job and job.is_over():
            _show_outcome(wish, job, name)


def _show_outcome(wish: _Wish, job: Job[tuple[Exported, float]], name: str) -> None:
    try:
        made, problem = job.answer()
    except BaseException:
        del _jobs()[wish]  # shown once; the button tries again
        raise
    if made is None:
        show_problem(problem)
        return
    exported, ready = made
    if not exported.path.exists():
        return  # kept for an hour; then the button makes it again
    _link(
        key=f"take_link.{name}",
        data={
            "address": serve_at(address_of(exported.path)),
            "name": exported.name,
            "label": f"{exported.name} ({format_bytes(exported.bytes)})",
            "fresh": time.time() - ready < FRESH_SECONDS,
        },
    )
    if exported.note:
        st.html(f'<p class="lab-muted lab-small">{escape(exported.note)}</p>')
