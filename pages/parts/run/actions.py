"""What can be done to a run, from its own page, the table of runs and the queue alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import streamlit as st

from core.launch.launcher import delete_run, kill_run, measure_test, request_stop, resume_run, run_next
from core.runs.families import list_branches, tell_branches
from core.runs.listing import list_known
from core.runs.records import RunSummary
from core.runs.store import open_run
from core.system.errors import LabError
from core.text.words import count_of
from pages.parts.frame.failure import tell
from pages.parts.frame.gate import note_act
from pages.parts.frame.style import show_problem

_PROBLEMS, _DONE = "run_actions.problems", "run_actions.done"
_ASKED, _DELETED = "run_actions.asked", "run_actions.deleted"


@dataclass(frozen=True)
class Action:
    """One thing to do: `applies` says to which runs, `done` is the word for what happened."""

    label: str
    icon: str
    help: str
    done: str
    applies: Callable[[RunSummary], bool]
    do: Callable[[str], object]


def is_active(run: RunSummary) -> bool:
    """Whether the run trains or waits to."""
    return run.state in ("queued", "running")


ACTIONS = {
    "stop": Action(
        "Stop",
        ":material/stop:",
        "Finishes the current step and saves a checkpoint, from which it can be resumed exactly.",
        "asked to stop",
        lambda run: is_active(run) and not run.stop_requested,
        request_stop,
    ),
    "kill": Action(
        "Stop now",
        ":material/dangerous:",
        "Ends the process at once. Everything after the last checkpoint is lost.",
        "stopped at once",
        lambda run: is_active(run) and run.stop_requested,
        kill_run,
    ),
    "resume": Action(
        "Resume",
        ":material/play_arrow:",
        "Continues from the last checkpoint, exactly as if it had never stopped.",
        "queued again",
        lambda run: run.state in ("stopped", "interrupted", "failed") and not run.tool,
        resume_run,
    ),
    "test": Action(
        "Test",
        ":material/fact_check:",
        "Measures the last and the best weights on the test images, as at the end of any other run.",
        "to be tested",
        lambda run: run.is_untested,
        measure_test,
    ),
    "next": Action(
        "Run next",
        ":material/low_priority:",
        "Moves to the head of the queue.",
        "moved to the head of the queue",
        lambda run: run.state == "queued",
        run_next,
    ),
    "archive": Action(
        "Archive",
        ":material/archive:",
        "Hides it from the table; nothing is deleted.",
        "archived",
        lambda run: not run.archived and run.state != "damaged",
        lambda run_id: open_run(run_id).update_about(archived=True),
    ),
    "restore": Action(
        "Restore",
        ":material/unarchive:",
        "Shows it in the table again.",
        "restored",
        lambda run: run.archived,
        lambda run_id: open_run(run_id).update_about(archived=False),
    ),
    "delete": Action("Delete", ":material/delete:", "Removes its folder.", "deleted", lambda run: True, delete_run),
}


def act_on(name: str, runs: Sequence[RunSummary]) -> None:
    """Does one action to all runs it applies to; `show_outcome` then tells how many, and what went wrong."""
    action = ACTIONS[name]
    done, problems = [], []
    for run in runs:
        if not action.applies(run):
            continue
        try:
            action.do(run.id)
            done.append(run.id)
            note_act(action.done, run.id)
        except (LabError, OSError) as error:
            problems.append(f"{action.label} did not work for {run.name}: {tell(error)}")
    if done:
        keep_done(f"{count_of(len(done), 'run')} {action.done}.", action.icon)
    if name == "delete":
        st.session_state.setdefault(_DELETED, set()).update(done)
    keep_problems(problems)


def attempt(do: Callable[..., object], *args: Any, **options: Any) -> bool:
    """Does something and says whether it worked; what went wrong is left for `show_outcome`."""
    try:
        do(*args, **options)
    except (LabError, OSError) as error:
        keep_problems([tell(error)])
        return False
    keep_problems([])
    return True


def act(do: Callable[..., object], *args: Any) -> None:
    """`attempt` as a button's callback."""
    attempt(do, *args)


def keep_done(sentence: str, icon: str) -> None:
    """For the next `show_outcome`, as callbacks cannot show it. Only our own words: a toast reads Markdown."""
    st.session_state[_DONE] = (sentence, icon)


def keep_problems(problems: list[str]) -> None:
    """Sentences for the next `show_outcome`."""
    st.session_state[_PROBLEMS] = problems


def show_outcome() -> None:
    """What the last action did and what went wrong, once; names are text."""
    if done := st.session_state.pop(_DONE, None):
        st.toast(done[0], icon=done[1])
    for problem in st.session_state.pop(_PROBLEMS, []):
        show_problem(problem)


def show_button(name: str, runs: Sequence[RunSummary], *, key: str, label: str = "", help: str = "") -> None:
    """A button for one action on some runs; nothing where it applies to none of them."""
    action = ACTIONS[name]
    fitting = [run for run in runs if action.applies(run)]
    if not fitting:
        return
    count = f" {len(fitting)}" if 1 < len(runs) != len(fitting) else ""
    st.button(
        (label or action.label) + count,
        key=f"{key}.{name}",
        icon=action.icon,
        help=help or action.help,
        on_click=act_on,
        args=(name, fitting),
        type="primary" if name == "kill" else "secondary",
    )


def ask_delete(runs: Sequence[RunSummary]) -> None:
    """Opens the question; from anywhere, also from a fragment that renews itself, which would lose a dialog."""
    st.session_state[_ASKED] = list(runs)
    st.rerun()


def answer_delete() -> None:
    """Shows the question that was asked for; call it from the page itself, outside any fragment."""
    if runs := st.session_state.pop(_ASKED, None):
        confirm_delete(runs)


def was_deleted(run_id: str) -> bool:
    """Whether the run was deleted from this session."""
    return run_id in st.session_state.get(_DELETED, ())


@st.dialog("Delete for good?")
def confirm_delete(runs: Sequence[RunSummary]) -> None:
    """Asks before run folders are removed: what goes with them, and which of them still train."""
    alive = sum(is_active(run) for run in runs)
    what = "This run's" if len(runs) == 1 else f"The {len(runs)} runs'"
    st.html(
        f"<p>{what} curves, checkpoints and log will be gone. This cannot be undone.</p>"
        f"<ul>{''.join(f'<li>{escape(run.name)}</li>' for run in runs[:8])}</ul>"
        + (f"<p>and {len(runs) - 8} more</p>" if len(runs) > 8 else "")
    )
    if branches := tell_branches(list_branches({run.id for run in runs}, list_known(max_age=2.0).runs)):
        st.html(f"<p>{escape(branches)}</p>")
    if alive:
        some = "All" if alive == len(runs) else f"{alive}"
        who = "It is" if len(runs) == 1 else f"{some} of them {'is' if alive == 1 else 'are'}"
        st.warning(f"{who} still active and will be stopped first, which can take a few seconds.")
    keep, remove = st.columns(2)
    kept = keep.button("Keep", width="stretch")
    # In a callback, which nothing interrupts: a page that renews itself would cut the script off half way.
    removed = remove.button(
        "Delete",
        type="primary",
        icon=":material/delete:",
        width="stretch",
        key="confirm_delete",
        on_click=act_on,
        args=("delete", runs),
    )
    if kept or removed:
        st.rerun()
