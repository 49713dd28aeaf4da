"""What can be done to a study: start, stop, more or fewer workers, more trials, another look, delete."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import streamlit as st

from core.runs.listing import list_runs
from core.spec.parse import FieldProblem
from core.spec.presets import PRESETS
from core.studies.manage import (
    delete_study,
    enqueue,
    extend_study,
    find_compatible,
    join_runs,
    set_workers,
    start_workers,
    stop_study,
)
from core.studies.spec import MAX_WORKERS, why_nothing_fits
from core.studies.study import Study, StudySummary
from core.system import files
from core.text.formats import format_percent
from core.text.words import count_of
from pages.parts.frame.gate import note_act
from pages.parts.frame.numbers import NO_LIMIT, ask_whole, read_typed, say_problem, show_number
from pages.parts.frame.style import show_problem
from pages.parts.run import actions
from pages.parts.studies.draft import find_spec, name_run
from server import sign_in
from server.dashboard import find_dashboard, start_dashboard, stop_dashboard

_ASKED, _DELETED = "studies.asked", "studies.deleted"
_ANSWERED, _FITTING = "studies.answered", "studies.fitting"
MAX_CHOICES = 50


def act(do: Callable[..., Any], *args: Any) -> None:
    """`attempt` as a button's callback."""
    attempt(do, *args)


def attempt(do: Callable[..., Any], *args: Any, done: str = "", **options: Any) -> bool:
    """Does something to a study and says whether it worked; `show_outcome` tells what was done or went wrong."""
    worked = actions.attempt(do, *args, **options)
    if worked:
        note_act(getattr(do, "__name__", "changed").replace("_", " "), " ".join(map(str, args)))
        if done:
            actions.keep_done(done, ":material/check:")
    return worked


# Start and stop ----------------------------------------------------------------------------------------------------


def read_wish(study: Study) -> int:
    """How many workers were asked for last."""
    try:
        wish = files.find_json(study.folder / "wish.json") or {}
    except files.DamagedFileError:
        wish = {}
    workers = wish.get("workers")
    return workers if type(workers) is int and workers > 0 else study.spec.workers


def show_controls(study: Study, summary: StudySummary) -> None:
    """The buttons that fit what the study does now."""
    name, wish = study.name, read_wish(study)
    if summary.workers_alive:
        _show_running(name, summary, wish)
        return
    if summary.state == "finished":
        _show_more(study)
        return
    key = f"study.workers.{name}"
    st.session_state.setdefault(key, wish)
    _show_stepper(st.session_state[key], lambda count: st.session_state.update({key: count}))
    st.button(
        "Start" if summary.state == "empty" else "Resume",
        icon=":material/play_arrow:",
        type="primary",
        key="study.start",
        on_click=_start,
        args=(study, key, summary.state == "empty"),
    )


def _start(study: Study, key: str, is_new: bool) -> None:
    """Starts the workers; a space in which nothing fits the budget is asked about first."""
    if is_new and why_nothing_fits(study.spec):
        ask("start", study.name)
    else:
        act(start_workers, study.name, st.session_state[key])


def _show_more(study: Study) -> None:
    """A finished study goes on with more trials, as long as its space has any."""
    done = study.is_exhausted()
    st.button(
        "More trials",
        icon=":material/add:",
        key="study.more",
        disabled=done,
        help="Every point of the grid has its trial. Clone the study to widen its space." if done else None,
        on_click=ask,
        args=("limits", study.name),
    )


def _show_running(name: str, summary: StudySummary, wish: int) -> None:
    if summary.stopping:
        st.button("Stopping", icon=":material/hourglass_bottom:", disabled=True, key="study.stopping")
    else:
        _show_stepper(wish, lambda count: act(set_workers, name, count), summary.workers_alive)
        st.button(
            "Stop after trials",
            icon=":material/stop:",
            key="study.stop",
            on_click=act,
            args=(stop_study, name),
            help="Running trials finish; no other begins.",
        )
    st.button(
        "Stop now",
        icon=":material/dangerous:",
        key="study.kill",
        type="primary" if summary.stopping else "secondary",
        on_click=act,
        args=(stop_study, name, True),
        help="Running trials are interrupted and come first when the study is resumed.",
    )


def _show_stepper(count: int, change: Callable[[int], None], alive: int | None = None) -> None:
    """Fewer, how many, more."""
    with st.container(
        horizontal=True, vertical_alignment="center", gap="xxsmall", width="content", key="study_workers"
    ):
        st.button(
            "Fewer workers",
            icon=":material/remove:",
            key="workers.less",
            disabled=count <= 1,
            on_click=change,
            args=(count - 1,),
            help="One worker leaves after its trial." if alive else "One worker fewer",
        )
        arriving = f" ({alive} now)" if alive is not None and alive != count else ""
        st.html(f'<span class="lab-small lab-num">{count_of(count, "worker")}{arriving}</span>')
        st.button(
            "More workers",
            icon=":material/add:",
            key="workers.more",
            disabled=count >= MAX_WORKERS,
            on_click=change,
            args=(count + 1,),
            help="One more process; it trains where a device has room.",
        )


# optuna-dashboard --------------------------------------------------------------------------------------------------


def show_dashboard(study: Study, shown_state: str) -> None:
    """The way to optuna-dashboard: started on request, and stopped from here; not offered behind a sign-in it lacks."""
    if sign_in.in_use():
        return
    dashboard = find_dashboard()
    if dashboard.state != shown_state:
        st.rerun()
    with st.container(
        horizontal=True, vertical_alignment="center", gap="xxsmall", width="content", key="study_dashboard"
    ):
        if dashboard.state == "running":
            url = dashboard.url_of(study.optuna()._study_id)
            st.link_button("Open in optuna-dashboard", url, icon=":material/open_in_new:")
            st.button(
                "Stop optuna-dashboard",
                icon=":material/power_settings_new:",
                key="dashboard.stop",
                on_click=act,
                args=(stop_dashboard,),
                help="Ends its process; it ends by itself ten minutes after its last page was closed.",
            )
            return
        starting = dashboard.state == "starting"
        st.button(
            "Starting optuna-dashboard" if starting else "Start optuna-dashboard",
            icon=":material/hourglass_top:" if starting else ":material/dashboard:",
            key="dashboard.start",
            disabled=starting,
            on_click=act,
            args=(start_dashboard,),
            help="Optuna's own pages for these studies, on this machine alone. They only show; changes are made here.",
        )
    if dashboard.state == "failed":
        show_problem(dashboard.reason)


# Questions ---------------------------------------------------------------------------------------------------------


def ask(kind: str, name: str) -> None:
    """Opens a question, from a callback; a part of the page that renews itself would lose it."""
    st.session_state[_ASKED] = (kind, name)


def answer(study: Study) -> None:
    """Shows the question that was asked for; belongs into the page itself, outside any fragment."""
    kind, name = st.session_state.pop(_ASKED, ("", ""))
    if name == study.name:
        st.session_state.pop(_FITTING, None)
        {"delete": confirm_delete, "limits": change_limits, "runs": add_runs, "start": confirm_start}[kind](study)


def is_asked(name: str) -> bool:
    """Whether a question waits for the page itself, asked by a button of a part that renews itself."""
    return bool(st.session_state.get(_ASKED, ("", ""))[1] == name)


def close_when_answered() -> None:
    """Ends a question that was answered, before it looks at what is gone by now; else a problem is shown in it."""
    # A flag, as a button that is gone or disabled by now does not say that it was pressed.
    if st.session_state.pop(_ANSWERED, False):
        st.rerun()
    actions.show_outcome()


def answered(worked: bool) -> None:
    """Called in a question's callback."""
    st.session_state[_ANSWERED] = worked


def was_deleted(name: str) -> bool:
    return name in st.session_state.get(_DELETED, ())


@st.dialog("Delete this study?")
def confirm_delete(study: Study) -> None:
    close_when_answered()
    summary = study.summary()
    trials = study.frozen_trials()
    runs = sum(bool(trial.user_attrs.get("run_id")) and not trial.user_attrs.get("joined") for trial in trials)
    st.html(
        f"<p>The study <b>{escape(study.name)}</b> with its {count_of(len(trials), 'trial')} will be gone. "
        "This cannot be undone.</p>"
        + (f"<p>{_tell_kept(runs)}, under the tag <b>study:{escape(study.name)}</b>.</p>" if runs else "")
    )
    if summary.workers_alive:
        st.warning("It is running and will be stopped first, which can take some seconds.")
    keep, remove = st.columns(2)
    keep.button("Keep", width="stretch", key="keep_study", on_click=answered, args=(True,))
    # In a callback, which nothing interrupts: a page that renews itself would cut the script off half way.
    remove.button(
        "Delete",
        type="primary",
        icon=":material/delete:",
        width="stretch",
        key="confirm_delete_study",
        on_click=_delete,
        args=(study.name,),
    )


def _tell_kept(runs: int) -> str:
    return "The run that it trained stays" if runs == 1 else f"The {runs:,} runs that it trained stay"


def _delete(name: str) -> None:
    worked = attempt(delete_study, name, done="The study is deleted.")
    if worked:
        st.session_state.setdefault(_DELETED, set()).add(name)
    answered(worked)


@st.dialog("Start this study?")
def confirm_start(study: Study) -> None:
    close_when_answered()
    st.html(f"<p>{escape(why_nothing_fits(study.spec))}</p>")
    leave, start = st.columns(2)
    leave.button("Leave it", width="stretch", key="leave_study", on_click=answered, args=(True,))

    def begin() -> None:
        workers = st.session_state.get(f"study.workers.{study.name}", read_wish(study))
        answered(attempt(start_workers, study.name, workers))

    start.button("Start it all the same", type="primary", width="stretch", key="confirm_start_study", on_click=begin)


@st.dialog("Trials and time")
def change_limits(study: Study) -> None:
    """How many trials, and how long; a finished study goes on with more, which are proposed."""
    close_when_answered()
    if over := study.why_over():
        st.caption(over)
    more_trials, more_minutes = study.propose_limits()
    help = "0 leaves only the time limit."
    trials = ask_whole("Trials in all", more_trials, 0, key="limits.trials", help=help)
    typed = show_number("Time limit (min)", more_minutes, zero=NO_LIMIT, key="limits.minutes", help="0 is none.")
    minutes = read_typed(typed, NO_LIMIT, is_whole=False)
    if not isinstance(minutes, float):
        show_problem(say_problem("Time limit", FieldProblem("minutes", "must be a number", minutes)))
    start = st.checkbox("Go on at once", True, key="limits.start") if not study.summary().workers_alive else False

    def change() -> None:
        assert trials is not None
        assert isinstance(minutes, float)
        worked = attempt(extend_study, study.name, trials=trials, minutes=minutes)
        answered(worked and (not start or attempt(start_workers, study.name, read_wish(study))))

    wrong = trials is None or not isinstance(minutes, float)
    st.button("Change", type="primary", key="limits.change", on_click=change, disabled=wrong)


@st.dialog("Add runs", width="medium")
def add_runs(study: Study) -> None:
    """A spec as the next trial, or finished runs as trials that are done."""
    close_when_answered()
    st.html('<p class="lab-title">Train a network next</p>')
    runs = [run for run in list_runs() if run.state != "damaged" and not run.tool][:MAX_CHOICES]
    labels = {
        "draft": "The network on Build",
        **{f"run:{run.id}": f"Run: {name_run(run)}" for run in runs},
        **{f"preset:{name}": f"Network: {preset.title}" for name, preset in PRESETS.items()},
    }
    with st.container(horizontal=True, vertical_alignment="bottom"):
        word = st.selectbox("Network", list(labels), key="queue.source", format_func=lambda each: labels[each])

        def queue() -> None:
            answered(attempt(lambda: enqueue(study.name, find_spec(word)), done="Queued as the next trial."))

        st.button("Queue", icon=":material/playlist_add:", key="queue.add", on_click=queue)
    st.caption("It must lie in the study's space: every field that is not searched must match the study.")
    st.html('<p class="lab-title">Let finished runs join</p>')
    if _FITTING not in st.session_state:
        with st.spinner("Looking for runs that fit"):
            st.session_state[_FITTING] = {run.id: run for run in find_compatible(study.name)}
    fitting = st.session_state[_FITTING]
    if not fitting:
        st.html('<p class="lab-muted lab-small">No finished run fits the space that has not joined yet.</p>')
        return
    chosen = st.multiselect(
        f"{count_of(len(fitting), 'run')} {'fits' if len(fitting) == 1 else 'fit'}",
        list(fitting),
        key="join.runs",
        format_func=lambda run_id: f"{name_run(fitting[run_id])} ({format_percent(fitting[run_id].best_val_accuracy)})",
        placeholder="All of them",
    )

    def join() -> None:
        wanted = chosen or list(fitting)
        answered(attempt(join_runs, study.name, wanted, done=f"{count_of(len(wanted), 'run')} joined."))

    st.button("Join", icon=":material/merge:", key="join.add", on_click=join)
