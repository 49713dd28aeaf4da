"""A run's family as a tree: where it came from, and what went on from it, each with a link."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from html import escape

import streamlit as st

from core.charts.palette import Ink, pick_ink, tell_runs_apart
from core.compare.branches import tell_changes
from core.runs.branches import read_branch
from core.runs.families import Member, list_family
from core.runs.folder import Run
from core.runs.listing import list_known
from core.runs.records import RunSummary
from core.system.folders import runs_folder
from core.text.formats import format_percent
from pages.parts.frame.style import look_of

MAX_AGE = 2.0  # seconds, of the list of runs that the tree is made from
MOST, MOST_LINES = 60, 20  # members in the tree, lines in a chart


def show_family(run: Run) -> None:
    """Nothing for a run that is no branch and has none."""
    members = list_family(run.id, list_known(max_age=MAX_AGE).runs)
    if len(members) < 2:
        return
    inks = _find_inks(run)
    rows = "".join(_draw(member, run.id, inks) for member in members[:MOST])
    more = f'<p class="lab-muted lab-small">and {len(members) - MOST:,} more</p>' if len(members) > MOST else ""
    st.html(f'<div class="run-family" role="tree" aria-label="Branches">{rows}{more}</div>')


def _find_inks(run: Run) -> dict[str, Ink]:
    """The colours of the lines that are drawn below, by the id of their run."""
    relatives = _list_relatives(run)
    return {each.id: ink for each, (ink, _) in zip(relatives, tell_runs_apart(relatives, run.id), strict=True)}


def list_relatives(run: Run) -> list[str]:
    """Ids of the runs whose curves are one line that forks, the root's first: branches that go on, not mere weights."""
    return [each.id for each in _list_relatives(run)]


def _list_relatives(run: Run) -> list[RunSummary]:
    runs = list_known(max_age=MAX_AGE).runs
    lines = [replace(each, parent="") if each.parent_use == "weights" else each for each in runs]
    return [each.run for each in list_family(run.id, lines) if each.run and each.run.epoch][:MOST_LINES]


def _draw(member: Member, shown: str, inks: Mapping[str, Ink]) -> str:
    """One line: fork, colour, name, state, best accuracy, and what it changed at which epoch."""
    indent = f' style="padding-left:{1.2 * min(member.depth, 12):.1f}rem"'
    name, summary = escape(member.name), member.run
    if summary is None:
        return f'<p role="treeitem"{indent}><span class="lab-muted">{name} (not here any more)</span></p>'
    ink = inks.get(summary.id) or pick_ink(summary.id, summary.colour)
    label = escape(look_of(summary.state).label.lower())
    is_shown = member.id == shown
    title = f"<b>{name}</b>" if is_shown else f'<a href="run?id={summary.id}" target="_self">{name}</a>'
    record = read_branch(runs_folder() / summary.id)
    fork = '<span class="lab-muted" aria-hidden="true">↳</span> ' if record else ""
    facts = " · ".join(
        part
        for part in (label, format_percent(summary.best_val_accuracy), escape(tell_changes(record)) if record else "")
        if part
    )
    dot = f'<span class="lab-dot" style="background:{ink.css}"></span>'
    selected = ' aria-current="true"' if is_shown else ""
    return f'<p role="treeitem"{selected}{indent}>{fork}{dot} {title} <span class="lab-muted">{facts}</span></p>'
