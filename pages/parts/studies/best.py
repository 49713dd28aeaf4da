"""The best of a study on the test images: a button while nobody has looked, then the figures."""

from __future__ import annotations

from html import escape

import streamlit as st

from core.runs.results import count_images, show_share
from core.studies.best import BestTrial, choose_best, find_run, measure_best
from core.studies.study import StudySummary
from pages.parts.studies.actions import act
from pages.parts.studies.look import Look, recall

SHOWN = 6  # of a Pareto front


def find_best(look: Look) -> list[BestTrial]:
    """The best trials now; the choice depends on finished trials alone."""
    study = look.study
    chosen = recall(look, ("finished", "best"), lambda: choose_best(study.spec, study.optuna(), look.trials))
    return [find_run(trial) for trial in chosen]


def is_testing(look: Look) -> bool:
    """Whether one of the best is under test just now."""
    return any(trial.is_testing for trial in find_best(look))


def show_best(look: Look, summary: StudySummary) -> None:
    """What the best trials reach on test. Nothing while the study searches: the choice comes first."""
    best = [] if summary.state == "running" else find_best(look)
    if not best:
        return
    untested = [trial for trial in best if trial.is_untested]
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="study_best"):
        lines = "".join(f"<p class='study-words'>{escape(tell_test(trial))}</p>" for trial in best[:SHOWN])
        more = f"<p class='lab-muted lab-small study-line'>and {len(best) - SHOWN} more</p>" if best[SHOWN:] else ""
        st.html(f"<div>{lines}{more}</div>")
        if untested:
            st.button(
                "Test the best" if len(untested) == 1 else f"Test the best {len(untested)}",
                icon=":material/fact_check:",
                key="study.test",
                help="Looks at the test images once, with the last and the best weights. No trial has done so before: "
                "validation chose.",
                on_click=act,
                args=(measure_best, look.study.name),
            )


def tell_test(trial: BestTrial) -> str:
    """One trial in a sentence: its test accuracies, or why there are none."""
    name = f"Trial {trial.number}"
    if trial.run is None:
        return f"{name} is the best on validation; {trial.reason}."
    if trial.is_testing:
        return f"{name} looks at the test images."
    if trial.is_untested:
        return f"{name} is the best on validation. No trial has looked at the test images."
    figures = trial.run.results()
    if figures.get("test/accuracy") is None:
        return f"{name} is the best on validation. Its test has not come to its end; its run's page says why."
    images = count_images(trial.run, "test")
    on = f"{images:,} test images" if images else "the test images"
    last, chosen = (show_share(figures.get(key), images) for key in ("test/accuracy", "test/accuracy_best"))
    also = f", {chosen} with its best" if figures.get("best/epoch") != figures.get("last/epoch") else ", also its best"
    return f"{name}, the best on validation, reaches {last} on {on} with its last weights{also}."
