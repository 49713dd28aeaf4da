"""Runs that will hardly be the best of those that are seen together: one click stops them, another resumes them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from core.compare.snapshot import ComparedRun, read_runs
from core.forecast.stopping import MOST_RUNS, suggest_stops
from core.forecast.words import MOST_NAMED, tell_stops
from core.runs.listing import list_known
from core.runs.records import RunNotFoundError, RunSummary
from core.runs.store import open_run
from core.runs.values import tell_alike
from core.system.errors import LabError
from core.text.words import list_first
from pages.parts.run.actions import ACTIONS, act_on

MAX_AGE = 2.0  # seconds, of the list of runs
_STOPPED = "stopping.stopped"
HELP = "Finishes the current step and saves a checkpoint. Resume goes on from it, exactly as if it had never stopped."


def show_stops(runs: Sequence[ComparedRun], key: str) -> None:
    """What to stop of these runs, and after the click how to take it back; nothing where there is neither."""
    # Always there, so that what is below it keeps its place when a word comes or goes.
    with st.container(key=f"{key}.stops"):
        _show_stopped(key)
        _show_suggestions(runs, key)


def _show_suggestions(runs: Sequence[ComparedRun], key: str) -> None:
    if all(run.state != "running" for run in runs):
        return
    try:
        found = suggest_stops(runs)
    except (LabError, OSError):
        return  # deleted meanwhile
    names = {run.id: run.name for run in runs}
    for number, suggestion in enumerate(found):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"{key}.stops.{number}"):
            st.html(f'<p class="lab-callout" style="margin:0">{escape(tell_stops(suggestion, names))}</p>')
            st.button(
                f"Stop {'it' if len(suggestion.stop) == 1 else f'these {len(suggestion.stop)}'}",
                icon=ACTIONS["stop"].icon,
                key=f"{key}.stop.{number}",
                help=HELP,
                on_click=_stop,
                args=(suggestion.stop,),
            )


def show_stops_among(runs: Sequence[RunSummary], key: str) -> None:
    """As `show_stops`, of runs of a table: those that train."""
    active = [run.id for run in runs if run.state == "running"][:MOST_RUNS]
    show_stops(read_runs(active) if len(active) > 1 else (), key)


def show_stops_of_group(run: ComparedRun, key: str) -> None:
    """As `show_stops`, of a run and those that differ from it in their seed alone."""
    alike = _list_group(run.id) if run.is_active else []
    show_stops(read_runs(alike) if len(alike) > 1 else (), key)


def _list_group(run_id: str) -> list[str]:
    """Runs that train or have finished, and differ from this one in their seed alone; with it."""
    listed = list_known(max_age=MAX_AGE).runs
    own = next((each for each in listed if each.id == run_id), None)
    if own is None:
        return []
    wanted, rough = tell_alike(own), _tell_roughly(own)
    # What is quickly compared goes first: the list may hold thousands.
    close = [run for run in listed if run.state in ("running", "finished") and _tell_roughly(run) == rough]
    return [run.id for run in close if tell_alike(run) == wanted][:MOST_RUNS]


def _tell_roughly(run: RunSummary) -> tuple[object, ...]:
    return run.dataset, run.parameters, run.epochs, run.learning_rate, run.batch_size


def _stop(ids: Sequence[str]) -> None:
    """In a callback: asks those that still train to stop, and notes them for Resume."""
    act_on("stop", [run for run in list_known().runs if run.id in ids])
    st.session_state[_STOPPED] = tuple(dict.fromkeys((*st.session_state.get(_STOPPED, ()), *ids)))


def _show_stopped(key: str) -> None:
    """What was stopped so in this session and has not gone on since."""
    noted = st.session_state.get(_STOPPED, ())
    if not noted:
        return
    left = [run for run in map(_find, noted) if run and (run.stop_requested or ACTIONS["resume"].applies(run))]
    st.session_state[_STOPPED] = tuple(run.id for run in left)
    if not left:
        return
    stopping = any(run.stop_requested for run in left)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"{key}.stopped"):
        word = "Stopping" if stopping else "Stopped"
        names = escape(list_first([run.name for run in left], MOST_NAMED))
        st.html(f'<p class="lab-callout" style="margin:0">{word} as suggested: {names}.</p>')
        st.button(
            "Resume",
            icon=ACTIONS["resume"].icon,
            key=f"{key}.resume",
            help=ACTIONS["resume"].help,
            disabled=stopping,
            on_click=act_on,
            args=("resume", left),
        )
        st.button("Leave it", key=f"{key}.forget", type="tertiary", on_click=_forget)


def _find(run_id: str) -> RunSummary | None:
    """As it is now: a list of two seconds ago may not know yet that it was asked to stop."""
    try:
        return open_run(run_id).summary()
    except RunNotFoundError:
        return None


def _forget() -> None:
    st.session_state.pop(_STOPPED, None)
