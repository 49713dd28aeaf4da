"""Does the model know when it may be wrong: reliability with and without temperature scaling, its worst mistakes."""

from __future__ import annotations

import streamlit as st

from core.charts.palette import pick_ink
from core.examine.charts import draw_reliability
from core.examine.predictions import Figures, Split, explain_temperature, find_mistakes, measure_reliability
from core.examine.weights import ExamineError, Weights
from core.runs.folder import Run
from core.text.formats import format_percent
from pages.parts.chart.chart import show_chart
from pages.parts.examine.classes import caption
from pages.parts.examine.gallery import show_gallery
from pages.parts.examine.load import Loaded, NotYet, get_temperature, load_predictions, wait_for
from pages.parts.frame.style import show_note
from pages.parts.run.tabs import show_table


def show_confidence(
    run: Run, split: Split, weights: Weights, loaded: Loaded, figures: Figures, classes: list[str]
) -> None:
    """The reliability diagram with its figures, and the most confident mistakes."""
    predicted = loaded.predicted
    left, right = st.columns([0.56, 0.44], gap="large")
    with right:
        st.html('<p class="lab-title">Calibration</p>')
        temperature = _find_temperature(run, split, weights, loaded)
    before = measure_reliability(predicted)
    after = measure_reliability(predicted, temperature) if temperature else None
    with left:
        figure = draw_reliability(pick_ink(run.id, run.about.colour), before, after, temperature or 1.0)
        show_chart(
            figure.to_json(), key=f"reliability.{run.id}", title="Reliability", file_name=f"{run.file_stem}-reliability"
        )
    with right:
        rows = [
            ["Expected calibration error", format_percent(before.ece), format_percent(after.ece) if after else "–"],
            ["Loss (cross-entropy)", f"{before.nll:.4f}", f"{after.nll:.4f}" if after else "–"],
            ["Accuracy", *[format_percent(figures.accuracy.value)] * 2],
        ]
        scaled = f"temperature {temperature:.3f}" if temperature else "with temperature"
        show_table(["", "as trained", scaled], rows)
        if temperature:
            show_note(explain_temperature(split, temperature))
    st.subheader("Most confident mistakes", anchor=False)
    show_gallery(
        run,
        split,
        find_mistakes(predicted).tolist(),
        lambda index: caption(predicted, index, classes),
        key="mistakes",
        empty="There is no mistake: every image of this split is recognised.",
    )


def _find_temperature(run: Run, split: Split, weights: Weights, loaded: Loaded) -> float | None:
    """Fitted on validation, whatever split is shown; None with a sentence where that cannot be."""
    try:
        val = loaded if split == "val" else load_predictions(run, weights, "val")
    except NotYet as now:
        show_note("The temperature is fitted on validation predictions of the same weights:")
        wait_for(now.prediction)
        return None
    except ExamineError as error:
        show_note(f"No temperature: it is fitted on validation predictions, and these are not available. {error}")
        return None
    return get_temperature(val.key, val.predicted)
