"""One model in detail: its mistakes, its confidence, what it learnt and forgot, and where it looks."""

from __future__ import annotations

from html import escape

import streamlit as st

from core.charts.palette import pick_ink
from core.examine.predictions import Split, explain_difference, list_splits, name_classes
from core.examine.weights import ExamineError, Weights, find_weights, list_weights, require_sound
from core.runs.folder import Run
from core.runs.records import RunNotFoundError
from core.runs.store import open_run
from core.text.formats import format_percent
from pages.parts.examine import classes, confidence, history, image, own_images, robustness
from pages.parts.examine.address import choose_option, read_option, tie
from pages.parts.examine.gallery import IMAGE_TAB
from pages.parts.examine.load import Loaded, NotYet, get_figures, load_predictions, wait_for, warm_up
from pages.parts.examine.pick import newest_run, pick_run
from pages.parts.frame.address import set_params
from pages.parts.frame.assets import show_style
from pages.parts.frame.style import look_of, show_note
from pages.parts.frame.widgets import ALL_RUNS, offer_build, show_empty, show_way_on

OWN_TAB, ROBUSTNESS_TAB = "Own images", "Robustness"
TABS = ("Classes", "Confidence", "History", IMAGE_TAB, ROBUSTNESS_TAB, OWN_TAB)


def find_run() -> Run:
    """The run that the address names, or the newest one with an epoch; else a sentence and a link to another page."""
    run_id = st.query_params.get("id", "") or newest_run()
    if not run_id:
        offer_build(show_empty("No trained run yet. Train a network to see what it gets right, what wrong, and why."))
        st.stop()
    try:
        run = open_run(run_id)
        require_sound(run)
    except RunNotFoundError:
        show_way_on("There is no such run. It may have been deleted.", *ALL_RUNS)
    except ExamineError as error:
        show_way_on(str(error), *ALL_RUNS)
    if st.query_params.get("id") != run.id:
        set_params(id=run.id)
    return run


def show_head(run: Run) -> tuple[Weights | None, Split]:
    """Which run, which weights, which images; every figure below is of these."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="examine_head"):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small", width=430):
            st.html(
                f'<span class="lab-run-dot" style="background:{pick_ink(run.id, run.about.colour).css}"></span>',
                width="content",
            )
            pick_run("id", "Run", chosen=run.id)
        choices = {weights.key: weights for weights in list_weights(run)}
        key = read_option("weights", choices, next(iter(choices), ""))
        if choices:
            st.selectbox(
                "Weights",
                list(choices),
                format_func=lambda name: choices[name].label,
                width=230,
                **tie("weights", key, next(iter(choices))),
            )
        once = "Choose by validation. The test images are looked at once, at the end of the training."
        split = choose_option("Images of", "split", list_splits(run), help=once)
        if st.button("Open run", icon=":material/show_chart:"):
            st.switch_page("run.py", query_params={"id": run.id})
    return choices.get(key), "test" if split == "test" else "val"


def show_figures(run: Run, weights: Weights, split: Split, loaded: Loaded) -> None:
    """The figures in one line, and below it what they were measured on."""
    figures = get_figures(loaded.key, loaded.predicted)
    accuracy = figures.accuracy
    low, high = accuracy.interval.low, accuracy.interval.high
    facts = [
        (format_percent(accuracy.value), f"accuracy (95 % interval {100 * low:.2f} to {100 * high:.2f})"),
        *[(format_percent(share), f"top-{k}") for k, share in figures.top.items() if k > 1],
        (f"{figures.loss:.4f}", "loss"),
    ]
    cells = "".join(f"<div><b>{escape(value)}</b> {escape(what)}</div>" for value, what in facts)
    where = "test images, looked at once at the end" if split == "test" else "validation images"
    how = "as stored at the end of the training" if loaded.stored else "predicted now from the checkpoint"
    if not loaded.stored and (differs := explain_difference(run, weights, accuracy.value)):
        how += f" ({differs})"
    line = f"{accuracy.num_images:,} {where} · {weights.title.lower()} · {how} · seed {run.spec.train.seed}"
    st.html(f'<div class="lab-facts">{cells}</div><p class="lab-muted lab-small" style="margin:0.3rem 0 0">{line}</p>')


def load(run: Run, weights: Weights, split: Split) -> Loaded | None:
    """The predictions; otherwise shows a sentence, or how far they are."""
    try:
        return load_predictions(run, weights, split)
    except ExamineError as error:
        show_note(str(error))
        st.button("Try again", icon=":material/refresh:", type="tertiary")
    except NotYet as now:
        wait_for(now.prediction)
    return None


def show_tabs(run: Run, weights: Weights, split: Split) -> None:
    """Only the open tab is computed; history and single images need no predictions of the whole split."""
    names = name_classes(run)
    head = st.container()
    open_tab = read_option("tab", TABS, TABS[0])
    tabs = dict(zip(TABS, st.tabs(list(TABS), **tie("tab", open_tab, TABS[0])), strict=True))
    with head:
        loaded = load(run, weights, split)
        if loaded:
            show_figures(run, weights, split, loaded)
    with tabs[open_tab]:
        if open_tab == "History":
            if split == "test":
                show_note("The history is of the validation images: the test images are looked at only once.")
            history.show_history(run, names)
        elif open_tab == IMAGE_TAB:
            image.show_image(run, split, weights, names)
        elif open_tab == ROBUSTNESS_TAB:
            robustness.show_robustness(run, weights, names)
        elif open_tab == OWN_TAB:
            own_images.show_own_images(run, weights, names)
        elif loaded is None:
            show_note("Shown as soon as there are predictions.")
        elif open_tab == "Classes":
            figures = get_figures(loaded.key, loaded.predicted)
            classes.show_classes(run, split, loaded.predicted, figures, names)
        else:
            figures = get_figures(loaded.key, loaded.predicted)
            confidence.show_confidence(run, split, weights, loaded, figures, names)


run = find_run()
show_style(__file__)
weights, split = show_head(run)
if weights is None:
    st.markdown(look_of(run.state()).badge)
    try:
        find_weights(run, "")
    except ExamineError as error:
        show_note(str(error))
    st.stop()
show_tabs(run, weights, split)
warm_up(run, weights)
