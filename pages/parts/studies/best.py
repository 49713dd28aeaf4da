"""A study on the test images: what was tested, with its figures, and a button for the best that was not."""

from __future__ import annotations

from html import escape

import streamlit as st

from core.runs.folder import Run
from core.runs.results import count_images, show_share
from core.studies.best import BestTrial, choose_best, find_run, list_tested, measure_best, name_trials
from core.studies.study import StudySummary
from pages.parts.studies.actions import act
from pages.parts.studies.look import Look, recall

SHOWN = 6  # sentences


def find_best(look: Look) -> list[BestTrial]:
    """The best trials now; the choice depends on finished trials alone."""
    study = look.study
    chosen = recall(look, ("finished", "best"), lambda: choose_best(study.spec, study.optuna(), look.trials))
    return [find_run(trial) for trial in chosen]


def is_testing(look: Look) -> bool:
    """Whether one of the best is under test just now."""
    return any(trial.is_testing for trial in find_best(look))


def show_best(look: Look, summary: StudySummary) -> None:
    """What was tested, for good, and what the best trials reach on test. While the study searches there is no offer:
    the choice comes first."""
    best = [] if summary.state == "running" else find_best(look)
    known = {trial.number for trial in best}
    tested = list_tested(look.trials)
    others = [trial for trial in tested if trial.number not in known]
    shown = [tell_best(trial, bool(tested)) for trial in best] + [tell_tested(trial) for trial in others]
    if not shown:
        return
    untested = [trial for trial in best if trial.is_untested]
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="study_best"):
        lines = "".join(f"<p class='study-words'>{escape(line)}</p>" for line in shown[:SHOWN])
        more = f"<p class='lab-muted lab-small study-line'>and {len(shown) - SHOWN} more</p>" if shown[SHOWN:] else ""
        st.html(f"<div>{lines}{more}</div>")
        if untested:
            before = f"{name_trials(tested).capitalize()} did so before." if tested else "No trial has done so before."
            st.button(
                f"Test {name_trials(untested)}",
                icon=":material/fact_check:",
                key="study.test",
                help=f"Looks at the test images once, with the last and the best weights. {before} Validation chose.",
                on_click=act,
                args=(measure_best, look.study.name),
            )


def tell_best(trial: BestTrial, any_tested: bool) -> str:
    """One of the best trials in a sentence: its test accuracies, or why there are none."""
    name = f"Trial {trial.number}"
    if trial.run is None:
        return f"{name} is the best on validation; {trial.reason}."
    if trial.is_testing:
        return f"{name} looks at the test images."
    if trial.is_untested:
        looked = f"{name if any_tested else 'No trial'} has {'not ' if any_tested else ''}looked at the test images."
        return f"{name} is the best on validation. {looked}"
    if reached := _tell_reached(trial.run):
        return f"{name}, the best on validation, {reached}"
    return f"{name} is the best on validation. Its test has not come to its end; its run's page says why."


def tell_tested(trial: BestTrial) -> str:
    """A trial that was tested and is not, or not yet, the best, in a sentence."""
    reached = _tell_reached(trial.run) if trial.run else f"was tested; {trial.reason}."
    return f"Trial {trial.number} {reached or 'was tested; its figures cannot be read.'}"


def _tell_reached(run: Run) -> str:
    figures = run.results()
    if figures.get("test/accuracy") is None:
        return ""
    images = count_images(run, "test")
    on = f"{images:,} test images" if images else "the test images"
    last, chosen = (show_share(figures.get(key), images) for key in ("test/accuracy", "test/accuracy_best"))
    also = f", {chosen} with its best" if figures.get("best/epoch") != figures.get("last/epoch") else ", also its best"
    return f"reaches {last} on {on} with its last weights{also}."
