"""All studies in a table: how far each is and the best it found."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import streamlit as st

from core.studies.objectives import OBJECTIVES
from core.studies.storage import StudyError
from core.studies.study import StudySummary, list_studies
from core.text.formats import UNKNOWN, format_ago, format_moment
from pages.parts.frame.pace import live_fragment
from pages.parts.frame.style import StateLook
from pages.parts.frame.widgets import show_empty
from pages.parts.run.actions import show_outcome
from pages.parts.run.table import DEFAULT_SORT, Column, show_rows, sort_rows

LIVE_SECONDS = 1.5
STATES = {
    "running": StateLook("Running", ":material/play_circle:", "blue", "Its workers train."),
    "paused": StateLook("Paused", ":material/pause_circle:", "orange", "No worker; it can be resumed any day."),
    "finished": StateLook("Finished", ":material/check_circle:", "green", "All its trials are done."),
    "empty": StateLook("Not started", ":material/schedule:", "gray", "It has no trial yet."),
}


def count_done(summary: StudySummary) -> int:
    return summary.done + summary.pruned + summary.failed


def _tell_done(summary: StudySummary) -> str:
    return f"{count_done(summary)}/{summary.total}" if summary.total else str(count_done(summary))


def tell_best(summary: StudySummary) -> str:
    return UNKNOWN if summary.best_value is None else OBJECTIVES[summary.objectives[0]].show(summary.best_value)


COLUMNS = (
    Column("name", "Study", "", lambda row: row.name.casefold(), lambda row: row.name, "name"),
    Column("state", "State", "", lambda row: row.state, kind="state"),
    Column("epoch", "Trials", "Done of planned", count_done, _tell_done, "epochs"),
    Column("best", "Best", "Of the first objective", lambda row: row.best_value, tell_best),
    Column(
        "objectives",
        "Objectives",
        "",
        lambda row: row.objectives,
        lambda row: ", ".join(OBJECTIVES[name].label for name in row.objectives),
        "text",
    ),
    Column("workers", "Workers", "", lambda row: row.workers_alive, lambda row: str(row.workers_alive or UNKNOWN)),
    Column("created", "Created", "", lambda row: row.created, lambda row: format_ago(row.created)),
)


def show_list(was_active: bool) -> None:
    try:
        studies = list_studies()
    except StudyError:
        st.rerun()  # only the whole page tells what is wrong, and waits
    if any(study.state == "running" for study in studies) != was_active:
        st.rerun()
    show_outcome()
    if not studies:
        show_nothing()
        return
    order = st.query_params.get("sort", DEFAULT_SORT)
    rows = [_to_row(study) for study in sort_rows(studies, COLUMNS, order, DEFAULT_SORT)]
    event = show_rows(COLUMNS, rows, key="studies_table", label="Studies", order=order)
    if event.open:
        st.switch_page("studies.py", query_params={"name": event.open})
    if event.sort:
        st.query_params["sort"] = event.sort
        st.rerun(scope="fragment")


def _to_row(summary: StudySummary) -> dict[str, Any]:
    state = STATES[summary.state]
    return {
        "id": summary.name,
        "name": summary.name,
        "href": f"studies?name={quote(summary.name)}",
        "state": {"label": state.label, "colour": state.colour, "help": summary.reason or state.meaning},
        "done": count_done(summary) / summary.total if summary.total else 0,
        "created": format_moment(summary.created),
        "cells": {column.name: column.show(summary) for column in COLUMNS},
        "links": {},
    }


def show_nothing() -> None:
    below = show_empty(
        "No studies yet. A study trains one network after the other, learns which of its fields matter, and tries what "
        "looks best."
    )
    if below.button("Define a study", icon=":material/add:", type="primary", width="stretch"):
        st.switch_page("studies.py", query_params={"new": "first-look"})
    if below.button("Run the student report's", icon=":material/school:", width="stretch"):
        st.switch_page("studies.py", query_params={"new": "report"})


def show_all() -> None:
    studies = list_studies()
    if studies:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.html('<h2 class="study-heading">Studies</h2>')
            st.space("stretch")
            if st.button("New study", icon=":material/add:", type="primary"):
                st.switch_page("studies.py", query_params={"new": "first-look"})
    active = any(study.state == "running" for study in studies)
    live_fragment(show_list, LIVE_SECONDS if active else None)(active)
