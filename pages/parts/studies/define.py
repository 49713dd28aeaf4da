"""A new study: what to search, how, and what that space holds, which changes with every field."""

from __future__ import annotations

from html import escape

import streamlit as st

from core.data.catalogue import find_absent, is_ready
from core.data.parts import FolderQuestion
from core.data.store import DataError
from core.spec.fields import field_at
from core.spec.parse import SpecError
from core.studies.manage import check_start, create_study, start_workers
from core.studies.spec import why_nothing_fits
from core.studies.storage import StudyError
from core.studies.study import list_studies
from pages.parts.frame.place import ask_place
from pages.parts.frame.style import show_alert, show_problem
from pages.parts.studies.actions import attempt
from pages.parts.studies.by_build import leave_for_build
from pages.parts.studies.draft import ADDRESS, StudyDraft, open_study_draft, read_address, write_address
from pages.parts.studies.form import (
    describe_base,
    name_problem_fields,
    show_effort,
    show_settings,
    show_size,
    show_source,
)
from pages.parts.studies.space import show_space
from pages.parts.transfer.download import show_download
from server.sign_in import current_address

MADE = "studies.made"


def show_definition() -> None:
    """The whole form: the space on the left, how it is searched and Start on the right."""
    draft = open_study_draft()
    read_address(draft)
    draft.check()
    if ADDRESS.notice:
        show_alert(ADDRESS.notice)
    left, right = st.columns([7, 4], gap="large")
    with left, st.container(gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            show_source(draft)
            if st.button(
                "Edit the network", icon=":material/tune:", help="Opens Build with it, its data and training."
            ):
                leave_for_build(draft)
        base = draft.good.base if draft.good else draft.base
        st.html(f'<p class="lab-muted lab-small study-line">{escape(describe_base(base))}</p>')
        if draft.problems_at("base"):
            show_problem("The network: " + "; ".join(problem.message for problem in draft.problems_at("base")))
        show_effort(draft)
        st.html('<h3 class="lab-heading">Search space</h3>')
        show_space(draft)
    with right, st.container(key="study_side", gap="xsmall"):
        show_start(draft)
        show_settings(draft)
        st.html('<h3 class="lab-heading">What it holds</h3>')
        show_size(draft)
    write_address(draft)


def show_start(draft: StudyDraft) -> None:
    """The study's name, and Start."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="study_start"):
        first, away = suggest_name(draft)
        name_key = f"studies.name.{st.session_state.get(MADE, 0)}"
        name = st.text_input("Name", key=name_key, placeholder=first, max_chars=50, persist_state="session")
        on, _ = ask_place("studies.on", draft.base.train.device)
        ready, missing = draft.good is not None, find_missing(draft, on)
        nothing_fits = why_nothing_fits(draft.good) if draft.good else ""
        anyway = draft.widget_key("anyway")
        can_start = ready and not missing and (not nothing_fits or st.session_state.get(anyway, False))
        start = st.button("Start", icon=":material/play_arrow:", type="primary", disabled=not can_start, key="study_go")
        keep = st.button(
            "Save without starting",
            disabled=not ready,
            key="study_make",
            help="Makes the study; its search can be started any day.",
        )
    if draft.problems:
        show_problem(f"Fix these first: {', '.join(name_problem_fields(draft))}.")
    elif away or (missing and not find_absent(draft.base.data.dataset)):
        show_problem(away or missing)
    if nothing_fits:
        show_problem(nothing_fits)
        st.checkbox("Start it all the same", key=anyway)
    offer_data(draft)
    if (start or keep) and draft.good:
        make(name.strip() or first, draft, start, on)


def offer_data(draft: StudyDraft) -> None:
    """Where the network's images are not here: their download, or an image folder in their place."""
    if is_ready(draft.base.data):
        return
    if absent := find_absent(draft.base.data.dataset):
        show_download(absent)
    folder = st.text_input(
        "Or search on an image folder" if absent else "Search on another image folder",
        key=draft.widget_key("folder"),
        help=field_at("data.folder").help,
    )
    if not folder.strip():
        return
    try:
        draft.use_folder(folder)
    except FolderQuestion as error:
        show_problem(f"{error.question} Choose the folder on Build, by “Edit the network”: it asks which they are.")
    except DataError as error:
        show_problem(str(error))
    except SpecError as error:
        show_problem("; ".join(str(problem) for problem in error.problems) + ".")
    else:
        st.rerun()


def find_missing(draft: StudyDraft, on: str) -> str:
    """What every trial would fail for, as a sentence: images that are not here, a device that is not there."""
    try:
        if draft.good:
            check_start(draft.good, on)
    except StudyError as error:
        return str(error)
    return ""


def suggest_name(draft: StudyDraft) -> tuple[str, str]:
    """A name that no study has yet, and why the storage does not answer: what is defined stays meanwhile."""
    try:
        taken, away = {study.name for study in list_studies()}, ""
    except StudyError as error:
        taken, away = set(), str(error)
    return next(name for number in range(1, 10_000) if (name := f"{draft.stem} {number}") not in taken), away


def make(name: str, draft: StudyDraft, start: bool, on: str) -> None:
    assert draft.good
    try:
        create_study(name, draft.good, started_by=current_address())
    except StudyError as error:
        show_problem(str(error).replace("name: ", "Name: ") + ".")
        return
    if start:
        attempt(start_workers, name, draft.good.workers, on)
    st.session_state[MADE] = st.session_state.get(MADE, 0) + 1  # the next study gets a box without this name
    st.switch_page("studies.py", query_params={"name": name})
