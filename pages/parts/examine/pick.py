"""A list to choose a run from: those with something to look at, the newest first."""

from __future__ import annotations

import streamlit as st

from core.runs.listing import list_runs
from core.runs.records import RunSummary
from pages.parts.examine.address import PREFIX
from pages.parts.frame.address import set_params


def pick_run(
    param: str, label: str, *, chosen: str = "", leave_out: str = "", empty: str = "Choose a run"
) -> str | None:
    """The run that the address names under `param`, or is chosen now; None where there is none."""
    runs = {run.id: run for run in list_examinable() if run.id != leave_out}
    wanted = chosen or st.query_params.get(param, "")
    if wanted == leave_out:
        wanted = ""  # the page shows it already: it was chosen there since
    key = PREFIX + param
    st.session_state[key] = wanted if wanted in runs else None
    # Of the page's own run there is always one: nothing to clear.
    index = 0 if chosen in runs else None
    st.selectbox(
        label,
        list(runs),
        index=index,
        format_func=lambda run_id: _describe(runs[run_id]),
        placeholder=empty,
        key=key,
        on_change=_take_over,
        args=(param,),
        disabled=not runs,
    )
    return wanted or None


def _take_over(param: str) -> None:
    """Another run has other cells, images and epochs: what was chosen of the former one goes."""
    gone = dict.fromkeys(("cell", "epoch", "image", "layer", "class", "weights")) if param == "id" else {}
    set_params(**gone, **{param: st.session_state[PREFIX + param]})


def _describe(run: RunSummary) -> str:
    """What tells runs of one name apart, and never changes: a list that knows its choice by the text would lose it."""
    return run.name if run.name == run.id else f"{run.name} · {run.id[:4]}-{run.id[4:6]}-{run.id[6:8]} · {run.id[-6:]}"


def list_examinable() -> list[RunSummary]:
    """Runs with an epoch behind them, the newest first; none of another tool, which kept no network."""
    return [run for run in list_runs() if run.epoch and run.state != "damaged" and not run.tool]


def newest_run() -> str:
    """The newest of them; nothing where there is none."""
    return next((run.id for run in list_examinable()), "")
