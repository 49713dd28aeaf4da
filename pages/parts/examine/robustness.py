"""How far the accuracy falls on spoiled images, and on another set of images with the same classes."""

from __future__ import annotations

import streamlit as st

from core.charts.palette import pick_ink
from core.data.corruptions import describe
from core.data.sets import KnownSet, list_sets
from core.examine.answers import make_member
from core.examine.other_set import SetPrediction, require_other
from core.examine.predictions import Predicted, measure_reliability, work_out
from core.examine.robustness import METHOD, TITLES, Measurement, find_measured, find_under_way, measure
from core.examine.weights import ExamineError, Weights
from core.runs.folder import Run
from core.runs.robustness import Robustness
from core.system.errors import LabError
from core.text.formats import format_percent
from pages.parts.chart.strengths import show_strengths
from pages.parts.examine.address import PREFIX
from pages.parts.frame.style import show_note, show_problem
from pages.parts.frame.table import show_wide_table
from pages.parts.frame.widgets import renew_while
from pages.parts.run.tabs import show_table

_SET = f"{PREFIX}set"
_ASKED = f"{PREFIX}set.asked"


def show_robustness(run: Run, weights: Weights, classes: list[str]) -> None:
    """Spoiled images above, another set below."""
    if run.has_validation:
        renew_while(lambda: _is_busy(run, weights), lambda: _show_measured(run, weights))
    else:
        show_note("Robustness is measured on validation images, and none were held out.")
    st.subheader("On another set", anchor=False)
    _show_other_set(run, weights, classes)


def _is_busy(run: Run, weights: Weights) -> bool:
    under_way = find_under_way(run, weights)
    return under_way is not None and not under_way.is_over()


def _show_measured(run: Run, weights: Weights) -> None:
    under_way = find_under_way(run, weights)
    if under_way and not under_way.is_over():
        show_progress(under_way)
        return
    measured = find_measured(run, weights)
    if measured is None:
        show_note(f"{METHOD} {describe()}")
        if under_way and under_way.error:
            show_problem(f"The robustness could not be measured. {under_way.error}")
        if st.button("Measure", icon=":material/blur_on:", type="primary", key=f"{PREFIX}measure"):
            _begin(run, weights)
        return
    _show_table(measured)
    ink = pick_ink(run.id, run.about.colour)
    name = run.about.name or run.id
    show_strengths(
        [(run.id, name, ink, "circle", [measured])],
        run.spec.data.num_classes,
        key=f"robustness.{run.id}",
        file_name=f"{run.file_stem}-robustness",
    )
    show_note(
        f"{measured.images:,} validation images in each point; the dotted line is guessing. {METHOD} {describe()}"
    )


def _begin(run: Run, weights: Weights) -> None:
    try:
        measure(run, weights)
    except ExamineError as error:
        show_problem(str(error))
        return
    st.rerun()


def show_progress(under_way: Measurement) -> None:
    share = under_way.done / under_way.total if under_way.total else 0.0
    told = f"{under_way.done:,} of {under_way.total:,} answers" if under_way.total else "loading network and images"
    st.progress(share, f"Measuring: {told}")


def _show_table(measured: Robustness) -> None:
    heads = ["Accuracy", "as it is", "mean of all", *TITLES.values()]
    means = [format_percent(measured.mean(kind)) for kind in TITLES]
    falls = [f"{100 * (measured.mean(kind) - measured.accuracy):+.2f}" for kind in ("", *TITLES)]
    rows = [
        ["mean of five strengths", format_percent(measured.accuracy), format_percent(measured.mean()), *means],
        ["difference, in points", "", *falls],
    ]
    show_wide_table(heads, rows, label="Accuracy by corruption")


# Another set ------------------------------------------------------------------------------------------------------


def _show_other_set(run: Run, weights: Weights, classes: list[str]) -> None:
    sets = {known.title: known for known in list_sets() if known.is_here and _is_other(run, known)}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        title = st.selectbox(
            "Set",
            list(sets),
            index=None,
            key=_SET,
            width=360,
            placeholder="A set of this lab" if sets else "No other set is here",
            disabled=not sets,
            help="Its test images where it has some of its own, else all of it. It needs classes of the same names.",
        )
        asked = title is not None and st.button("Measure", icon=":material/fact_check:", key=f"{PREFIX}set.measure")
    if title is None:
        st.session_state.pop(_ASKED, None)
        show_note("Accuracy on the images of another set whose classes have the same names. Data takes new sets in.")
        return
    try:
        question = _ask(run, weights, sets[title], classes, asked)
    except LabError as error:
        show_problem(str(error))
        return
    if question:
        renew_while(lambda: not question.is_over(), lambda: _show_answer(question, title, classes))


def _is_other(run: Run, known: KnownSet) -> bool:
    try:
        require_other(run, known.spec)
    except ExamineError:
        return False
    return True


def _ask(run: Run, weights: Weights, known: KnownSet, classes: list[str], asked: bool) -> SetPrediction | None:
    """The question under way or answered for this choice; None before it was asked."""
    member, _ = make_member(run, weights.key)
    key = (member.weights.sha256, member.weights.which, known.spec.model_dump_json())
    held: tuple[object, SetPrediction] | None = st.session_state.get(_ASKED)
    if asked:
        held = st.session_state[_ASKED] = (key, SetPrediction(run, member, known.spec, classes))
    return held[1] if held and held[0] == key else None


def _show_answer(question: SetPrediction, title: str, classes: list[str]) -> None:
    if not question.is_over():
        share = question.done / question.total if question.total else 0.0
        told = f"{question.done:,} of {question.total:,} images" if question.total else "reading the images"
        st.progress(share, f"Predicting: {told}")
        return
    try:
        predicted = question.result()
    except LabError as error:
        show_problem(f"{title} could not be measured. {error}")
        return
    show_note(tell_set(title, predicted))
    figures = work_out(predicted)
    rows = [
        [name, format_percent(recall), f"{support:,}"]
        for name, recall, support in zip(classes, figures.classes.recall, figures.classes.support, strict=True)
        if support
    ]
    show_table(["Class", "right", "images"], rows)


def tell_set(title: str, predicted: Predicted) -> str:
    """Accuracy with its interval, loss and calibration, as a sentence."""
    figures, reliability = work_out(predicted), measure_reliability(predicted)
    accuracy = figures.accuracy
    low, high = accuracy.interval.low, accuracy.interval.high
    return (
        f"{title}: {accuracy.num_right:,} of {accuracy.num_images:,} images are right, accuracy "
        f"{format_percent(accuracy.value)} (95 % interval {100 * low:.2f} to {100 * high:.2f}), loss "
        f"{figures.loss:.4f}, calibration error {format_percent(reliability.ece)}."
    )
