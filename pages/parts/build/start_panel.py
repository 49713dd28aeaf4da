"""Start on the Build page: one run a click, or one run a seed; a download first where the data set is missing."""

from __future__ import annotations

import secrets
import time
from typing import Any

import streamlit as st

from core.data.catalogue import find_absent, is_ready
from core.launch.branches import start_branch
from core.launch.launcher import prepare_worker, start_run, start_seeds
from core.runs.records import About
from core.system.errors import LabError
from pages.parts.build.draft import NAME_KEY, Draft
from pages.parts.build.form import name_field
from pages.parts.frame.failure import tell
from pages.parts.frame.numbers import ask_whole
from pages.parts.frame.place import ask_place
from pages.parts.frame.style import show_problem
from pages.parts.transfer.download import show_download
from server.sign_in import current_address

CLICK_KEY = "build.click_key"
STARTED_KEY = "build.started"
# The second click of a double click may arrive after the page was left, and would bring the visitor back to it.
ECHO_SECONDS = 0.8
MAX_SEEDS = 20


def enter_page(*, entered: bool) -> None:
    """A new click key for each visit: all presses of Start during one visit make the same run."""
    prepare_worker()  # at every rerun: the one that waited may have gone to a run
    started = st.session_state.get(STARTED_KEY)
    if entered and started and time.monotonic() - started[1] < ECHO_SECONDS:
        st.switch_page("run.py", query_params={"id": started[0]})
    if entered or CLICK_KEY not in st.session_state:
        st.session_state[CLICK_KEY] = secrets.token_hex(8)


def show_start(draft: Draft) -> None:
    """Name, tags and Start; or what has to happen first."""
    # The choice as it stands, also where it cannot be run yet: an image folder without a path needs no download.
    if absent := find_absent(draft.values["data"]["dataset"]):
        show_download(absent)
        return
    with st.container(key="start_row", horizontal=True, vertical_alignment="bottom", gap="small"):
        name = st.text_input("Name", key=NAME_KEY, placeholder="Optional", max_chars=100, persist_state="session")
        tags = st.text_input(
            "Tags", key="build.tags", placeholder="With commas", max_chars=200, persist_state="session"
        )
        on, problem = ask_place("build.on", draft.good.train.device)
        blocked = bool(draft.problems or problem) or not is_ready(draft.good.data)
        pressed = _show_button(draft, "Start", "start", blocked, icon=":material/play_arrow:", shortcut="Ctrl+Enter")
        if draft.fork is None:
            _show_seeds(draft, name, tags, on, blocked)
    if problem:
        show_problem(problem)
    if draft.problems:
        names = ", ".join(dict.fromkeys(name_field(problem.path) for problem in draft.problems))
        show_problem(f"Fix these first: {names}.")
    if pressed and not blocked:
        try:
            run_id = _start(draft, _describe(name, tags), st.session_state[CLICK_KEY], on)
        except (LabError, OSError) as error:
            show_problem(f"The run could not be started: {tell(error)}")
            return
        st.session_state[STARTED_KEY] = (run_id, time.monotonic())
        st.switch_page("run.py", query_params={"id": run_id, "tab": "Charts"})


def _start(draft: Draft, about: About, click_key: str, on: str) -> str:
    """The new run's id. Raises LabError, OSError."""
    if draft.fork:
        return start_branch(draft.fork, draft.good, about, click_key=click_key, on=on)
    return start_run(draft.good, about, click_key=click_key, on=on)


def _show_button(draft: Draft, label: str, key: str, blocked: bool, **look: Any) -> bool:
    """A button that starts what the draft is at this moment."""
    return st.button(
        label,
        # The click is part of its key, so that a late second click is of a button that is gone, and starts nothing.
        key=f"{key}_{st.session_state[CLICK_KEY]}",
        type="primary",
        disabled=blocked,
        on_click=_hold,
        args=(draft,),
        **look,
    )


def _hold(draft: Draft) -> None:
    """The draft of this moment is what starts, whatever the address still says."""
    draft.touched = True


def _show_seeds(draft: Draft, name: str, tags: str, on: str, blocked: bool) -> None:
    with st.popover("Seeds", key="seeds", help="The same spec with several seeds", disabled=blocked):
        first = draft.good.train.seed
        count = ask_whole("Seeds", 5, 2, MAX_SEEDS, key="build.seeds", help="One run per seed; they queue.")
        if count is None:
            return
        st.caption(f"Seeds {first} to {first + count - 1}: the spread shows how much is chance.")
        pressed = _show_button(draft, f"Start {count} runs", "seeds", blocked)
    if pressed and not blocked:
        try:
            key = st.session_state[CLICK_KEY] + "-seeds"
            start_seeds(draft.good, count, _describe(name, tags), click_key=key, on=on)
        except (LabError, OSError) as error:
            show_problem(f"The runs could not be started: {tell(error)}")
            return
        st.switch_page("runs.py")


def _describe(name: str, tags: str) -> About:
    """Raises AboutError."""
    return About(name=name.strip(), tags=read_tags(tags), started_by=current_address())


def read_tags(text: str) -> tuple[str, ...]:
    """`baseline, se` as tags, each once."""
    return tuple(dict.fromkeys(tag.strip() for tag in text.split(",") if tag.strip()))
