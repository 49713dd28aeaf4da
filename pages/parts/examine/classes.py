"""Which classes are confused: the confusion matrix, the images of a cell, and the figures of each class."""

from __future__ import annotations

from html import escape

import pandas as pd
import streamlit as st

from core.examine.predictions import Figures, Predicted, Split, explain_means, find_cell
from core.runs.folder import Run
from core.text.formats import format_percent
from core.text.safe import plain_cell
from core.text.words import count_of
from pages.parts.examine.gallery import Caption, show_gallery
from pages.parts.examine.matrix import Cell, show_matrix, show_units
from pages.parts.frame.style import show_note


def show_classes(run: Run, split: Split, predicted: Predicted, figures: Figures, classes: list[str]) -> None:
    """The matrix beside the figures of each class; below, the images of the chosen cell."""
    left, right = st.columns([0.56, 0.44], gap="large")
    with left:
        rates = show_units()
        name = f"{run.file_stem}-{split}-confusion"
        cell = show_matrix(figures.matrix, classes, key="matrix", title="Confusion matrix", rates=rates, file_name=name)
    with right:
        st.html('<p class="lab-title">Each class</p>')
        show_class_table(figures, classes, file_name=f"{run.file_stem}-{split}-classes")
    if cell is None:
        show_note("Click a cell to see its images.")
        return
    show_cell(run, split, predicted, cell, classes)


def show_cell(run: Run, split: Split, predicted: Predicted, cell: Cell, classes: list[str]) -> None:
    """The images of one cell, the most confident first."""
    true, answer = cell
    indices = find_cell(predicted.labels, predicted.predicted, cell, predicted.confidence)
    count = count_of(len(indices), "image")
    how = "rightly taken for" if true == answer else "taken for"
    st.html(f'<h3 class="lab-text">{escape(f"{count} of {classes[true]} {how} {classes[answer]}")}</h3>')
    show_gallery(
        run,
        split,
        indices.tolist(),
        lambda index: caption(predicted, index, classes),
        key=f"cell.{true}.{answer}",
        empty="No image of this split falls into this cell.",
    )


def caption(predicted: Predicted, index: int, classes: list[str]) -> Caption:
    """The predicted class of an image, its confidence, and the true class."""
    answer, true = classes[predicted.predicted[index]], classes[predicted.labels[index]]
    wrong = bool(predicted.predicted[index] != predicted.labels[index])
    confidence = format_percent(float(predicted.confidence[index]), 1)
    return Caption(answer, f"{confidence}, true: {true}" if wrong else f"{confidence}, right", wrong)


def show_class_table(figures: Figures, classes: list[str], file_name: str) -> None:
    """Precision, recall, F1 and support, sortable; undefined values stay empty."""
    found = figures.classes
    frame = pd.DataFrame(
        {
            "class": classes,
            "precision": found.precision,
            "recall": found.recall,
            "F1": found.f1,
            "images": found.support,
        }
    )
    shares = {
        name: st.column_config.NumberColumn(name.capitalize(), format="%.1f %%", help=help)
        for name, help in {
            "precision": "Of the images taken for this class, the share that are of it. Empty: none was taken for it; "
            "the mean counts that as 0.",
            "recall": "Of the images of this class, the share that was recognised.",
            "F1": "Harmonic mean of precision and recall.",
        }.items()
    }
    st.dataframe(
        frame.assign(**{name: 100 * frame[name] for name in shares}),
        hide_index=True,
        width="stretch",
        height="content" if len(classes) <= 12 else 460,
        column_config={
            "class": "Class",
            **shares,
            "images": st.column_config.NumberColumn("Images", format="localized", help="Images of this class"),
        },
    )
    line, button = st.columns([0.7, 0.3], vertical_alignment="center")
    with line:
        show_note(explain_means(found, classes))
    button.download_button(
        "CSV",
        _write_csv(frame, figures, classes),
        file_name=f"{file_name}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        help="The figures of each class, with the row of the confusion matrix.",
    )


def _write_csv(frame: pd.DataFrame, figures: Figures, classes: list[str]) -> str:
    """One line a class; its images by predicted class in the columns after the figures."""
    counts = pd.DataFrame(figures.matrix, columns=[f"predicted {name}" for name in classes])
    whole = pd.concat([frame, counts], axis=1)
    whole["class"] = whole["class"].map(plain_cell)
    # With the line ends of the standard, or a carriage return in a name would end a line unquoted.
    return whole.to_csv(index=False, lineterminator="\r\n")
