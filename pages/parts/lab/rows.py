"""What rows of the Lab page share: a bar, and a link to a run."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import streamlit as st

from core.charts.palette import pick_ink
from core.runs.records import RunSummary


def show_heading(text: str) -> None:
    st.html(f'<h3 class="lab-section">{text}</h3>')


def draw_bar(label: str, share: float, text: str, style: str = "") -> str:
    """A label, how much of it is used (0 to 1), and the same in words."""
    return (
        f'<div class="lab-use{style}"><span class="lab-muted">{label}</span><div class="lab-bar">'
        f'<span style="width:{share:.1%}"></span></div><span class="lab-num">{text}</span></div>'
    )


def link_run(run_id: str, name: str, colour: str) -> str:
    dot = f'<span class="lab-dot" style="background:{pick_ink(run_id, colour).css}"></span>'
    return f'{dot}<a href="run?id={escape(run_id)}">{escape(name)}</a>'


def list_holders(run_ids: tuple[str, ...], runs: Mapping[str, RunSummary]) -> str:
    """Links to the runs that hold a device or a node; that it is free where there are none."""
    if not run_ids:
        return '<span class="lab-muted"><span class="lab-dot free"></span>free</span>'
    known = ((runs[run_id].name, runs[run_id].colour) if run_id in runs else (run_id, "") for run_id in run_ids)
    return "<br>".join(link_run(run_id, *facts) for run_id, facts in zip(run_ids, known, strict=True))


def name_wanted(device: str) -> str:
    """What a waiting run waits for: a device of this machine, or a place on the cluster of some kind."""
    kind, colon, wanted = device.partition(":")
    if kind != "cluster":
        return device
    return f"{wanted} on the cluster" if colon and wanted != "auto" else "the cluster"
