"""One study: what it does now, its figures as they grow, its trials, and what it learnt."""

from __future__ import annotations

from html import escape
from typing import Any

import streamlit as st

from core.studies.charts.axes import STATE_INKS
from core.studies.objectives import OBJECTIVES
from core.studies.pruners import PRUNERS, tell_pruner
from core.studies.samplers import SAMPLERS
from core.studies.storage import StorageError, StudyError
from core.studies.study import Study, StudyNotFoundError, StudySummary, open_study
from core.studies.trials import TrialStateName
from core.text.formats import format_ago
from core.text.words import count_of
from pages.parts.frame.pace import live_fragment
from pages.parts.frame.style import show_alert, show_centred, show_problem
from pages.parts.frame.widgets import show_way_on
from pages.parts.run.actions import show_outcome
from pages.parts.studies import actions
from pages.parts.studies.best import is_testing, show_best
from pages.parts.studies.draft import pack
from pages.parts.studies.form import describe_base
from pages.parts.studies.list import STATES, count_done, tell_best
from pages.parts.studies.look import Look, look_at, tell_words
from pages.parts.studies.plots import show_plots
from pages.parts.studies.trials import list_rows, show_trial, show_trials
from server.dashboard import find_dashboard

LIVE_SECONDS, IDLE_SECONDS = 1.5, 10.0
BEST_COMPARED = 5
ALL_STUDIES = ("All studies", "studies.py", ":material/science:")
_TESTING = "studies.testing"


def find_study(name: str) -> Study:
    """The study that the address names; else a sentence and the way back."""
    try:
        study = open_study(name)
        _ = study.spec
        return study
    except StudyNotFoundError:
        if actions.was_deleted(name):
            st.switch_page("studies.py", query_params={})
        show_way_on("There is no such study. It may have been deleted.", *ALL_STUDIES)
    except StorageError:
        raise  # the page waits for the storage
    except StudyError as error:
        show_way_on(str(error), *ALL_STUDIES)


def show_study(name: str) -> None:
    study = find_study(name)
    actions.answer(study)
    show_title(study)
    pulse = tell_pulse(study.summary(), st.session_state.get(_TESTING) == name)
    live_fragment(show_live, LIVE_SECONDS if pulse in ("running", "testing") else IDLE_SECONDS)(name, pulse)


def tell_pulse(summary: StudySummary, testing: bool) -> str:
    """What decides how often the page updates: whether the study searches, or its best is under test."""
    return "testing" if testing and summary.state != "running" else summary.state


def show_title(study: Study) -> None:
    """The study's name, what it searches, and what can be done to it at any time."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="study_title"):
        if st.button("All studies", icon=":material/arrow_back:", type="tertiary", key="study.all"):
            st.switch_page("studies.py", query_params={})
        st.html(f'<h2 class="study-heading">{escape(study.name)}</h2>')
        st.space("stretch")
        state = find_dashboard().state
        st.fragment(actions.show_dashboard, run_every=1.0 if state == "starting" else None)(study, state)
        st.button("Add runs", icon=":material/playlist_add:", on_click=actions.ask, args=("runs", study.name))
        st.button("Limits", icon=":material/timer:", on_click=actions.ask, args=("limits", study.name))
        if st.button("Clone", icon=":material/content_copy:", help="A new study that begins with this definition."):
            st.switch_page("studies.py", query_params={"new": pack(study.spec)})
        st.button("Delete", icon=":material/delete:", on_click=actions.ask, args=("delete", study.name))
    spec = study.spec
    pruner = "no pruner" if spec.pruner == "none" else f"{PRUNERS[spec.pruner].label.lower()} pruner"
    facts = [
        ", ".join(OBJECTIVES[name].label.lower() for name in spec.objectives).capitalize(),
        SAMPLERS[spec.sampler].label,
        pruner,
        count_of(len(spec.space), "field"),
        f"at most {spec.budget:,} parameters" if spec.budget else "any number of parameters",
        describe_base(spec.base),
        format_ago(study.created),
    ]
    st.html(f'<p class="lab-muted lab-small study-line">{" · ".join(escape(fact) for fact in facts)}</p>')
    if pruning := tell_pruner(spec):
        st.html(f'<p class="lab-muted lab-small study-line">{escape(pruning)}</p>')


def show_live(name: str, shown_pulse: str) -> None:
    """State, controls, figures and trials, updated regularly; a change of state reruns the whole page, and so does a
    question, which only the page itself can show."""
    if actions.is_asked(name):
        st.rerun()
    try:
        study = open_study(name)
        summary, look = study.summary(), look_at(study)
    except StudyNotFoundError:
        st.rerun()
    except StudyError as error:
        show_alert(str(error))
        return
    # The best is found once per look; the page itself uses what its live part found.
    testing = summary.state != "running" and is_testing(look)
    st.session_state[_TESTING] = name if testing else ""
    if tell_pulse(summary, testing) != shown_pulse:
        st.rerun()
    show_outcome()
    show_progress(study, summary)
    if not look.trials:
        message = (
            "Its first trial is on the way." if summary.workers_alive else "Start it; its trials and figures show here."
        )
        show_centred(message)
        return
    show_words(look)
    show_best(look, summary)
    trial = read_trial(look)
    if trial is not None:
        show_trial(look, trial)
    picked = show_plots(look)
    show_heading(look)
    event = show_trials(look, trial)
    follow(look, picked, event)


def show_progress(study: Study, summary: StudySummary) -> None:
    """Badge, counts and controls in a line; below it a bar of how the trials ended."""
    look = STATES[summary.state]
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="study_bar"):
        st.markdown(look.badge, width="content")
        st.html(f'<p class="lab-small lab-num study-line">{_tell_counts(summary)}</p>')
        st.space("stretch")
        actions.show_controls(study, summary)
    total = max(summary.total, count_done(summary) + summary.running, 1)
    parts: dict[TrialStateName, int] = {"finished": summary.done, "pruned": summary.pruned, "failed": summary.failed}
    parts["running"] = summary.running
    bars = "".join(
        f'<i class="{state}" style="width:{count / total:.3%};background-color:{STATE_INKS[state].css}"></i>'
        for state, count in parts.items()
        if count
    )
    st.html(f'<div class="study-progress" role="img" aria-label="{count_done(summary)} of {total} trials">{bars}</div>')
    if summary.reason:
        st.html(f'<p class="lab-muted lab-small study-line">{escape(summary.reason)}</p>')


def _tell_counts(summary: StudySummary) -> str:
    done, total = count_done(summary), summary.total
    of = f" of {total:,}" if total else ""
    words = [f"<b>{done:,}</b>{of} {'trial' if (total or done) == 1 else 'trials'}"]
    if summary.best_value is not None:
        words.append(f"best <b>{escape(tell_best(summary))}</b>")
    for name in ("running", "queued", "waiting", "pruned", "failed", "infeasible"):
        if count := getattr(summary, name):
            words.append(f"{count:,} {name}")
    return " · ".join(words)


def show_words(look: Look) -> None:
    """What the study learnt, and the next study that follows from it."""
    words = " ".join(tell_words(look))
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="study_words"):
        st.html(f'<p class="study-words">{escape(words)}</p>')
        enough = look.finished >= 10
        if enough and st.button(
            "Narrow the space",
            icon=":material/filter_center_focus:",
            key="study.narrow",
            help="A new study around the best fifth of this one; nothing starts before you say so.",
        ):
            try:
                following = look.study.narrow()
            except StudyError as error:
                show_problem(str(error))
            else:
                st.switch_page("studies.py", query_params={"new": pack(following)})


def read_trial(look: Look) -> int | None:
    """The trial that the address names, where there is one."""
    text = st.query_params.get("trial", "")
    return int(text) if text.isdecimal() and len(text) < 10 and int(text) < len(look.trials) else None


def show_heading(look: Look) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="trials_head"):
        st.html(f'<h3 class="lab-heading">Trials <span class="lab-muted">{len(look.trials):,}</span></h3>')
        st.space("stretch")
        best = find_best_runs(look)
        if len(best) > 1 and st.button(
            f"Compare the best {len(best)}", icon=":material/compare_arrows:", key="study.compare", type="tertiary"
        ):
            st.switch_page("compare.py", query_params={"ids": ",".join(best)})


def find_best_runs(look: Look) -> list[str]:
    """The runs of the best trials by the first objective, the best first."""
    rows = [row for row in list_rows(look) if row.state == "finished" and row.run_id]
    sign = look.points.sign(0)
    return [row.run_id for row in sorted(rows, key=lambda row: sign * row.values[0])[:BEST_COMPARED]]


def follow(look: Look, picked: int | None, event: Any) -> None:
    """Does what was asked for by a click on a point or in the table."""
    if picked is not None or event.open:
        st.query_params["trial"] = str(picked if picked is not None else event.open)
        st.rerun(scope="fragment")
    if event.follow:
        run_id = next(row.run_id for row in list_rows(look) if str(row.number) == event.follow["id"])
        st.switch_page("run.py", query_params={"id": run_id})
    if event.sort:
        st.query_params["sort"] = event.sort
        st.rerun(scope="fragment")
