"""What was learnt and forgotten over the epochs: the confusion matrix scrubbed, and the images that stayed hard."""

from __future__ import annotations

from html import escape

import streamlit as st

from core.charts.palette import pick_ink
from core.examine.charts import draw_changes
from core.examine.history import History, read_history
from core.examine.predictions import find_cell
from core.examine.weights import ExamineError
from core.runs.folder import Run
from core.text.formats import format_percent
from core.text.words import count_of
from pages.parts.chart.chart import show_chart
from pages.parts.examine.address import choose_option, read_whole, tie
from pages.parts.examine.gallery import Caption, show_gallery
from pages.parts.examine.matrix import show_matrix, show_units
from pages.parts.frame.style import show_note

LISTS = {
    "never": "Never learnt",
    "forgotten": "Most often forgotten",
    "learnt": "Learnt at this epoch",
    "lost": "Forgotten at this epoch",
}


@st.fragment
def show_history(run: Run, classes: list[str]) -> None:
    """Always of the validation images, which alone are predicted after every epoch."""
    try:
        history = read_history(run)
    except ExamineError as error:
        show_note(str(error))
        return
    _tell(history)
    epoch = _scrub(history)
    left, right = st.columns([0.56, 0.44], gap="large")
    with left:
        rates = show_units()
        accuracy = format_percent(float(history.right[epoch - 1].mean()))
        cell = show_matrix(
            history.matrix(epoch),
            classes,
            key="matrix.history",
            title=f"Confusion matrix after epoch {epoch}: {accuracy} right",
            rates=rates,
            file_name=f"{run.file_stem}-val-confusion-epoch-{epoch}",
        )
    with right:
        figure = draw_changes(run.id, pick_ink(run.id, run.about.colour), history, epoch)
        show_chart(
            figure.to_json(),
            key=f"changes.{run.id}",
            title="Learnt and forgotten",
            file_name=f"{run.file_stem}-changes",
        )
        show_note("Images that became right, and that became wrong, from one epoch to the next.")
    if cell is not None:
        st.subheader(f"Images of the chosen cell, after epoch {epoch}", anchor=False)
        indices = find_cell(history.labels, history.predicted[epoch - 1], cell).tolist()
        _gallery(run, history, classes, indices, epoch, "cell", "No image falls into this cell after this epoch.")
    _show_lists(run, history, classes, epoch)


def _tell(history: History) -> None:
    """The history in one line, in the words of Toneva et al. (2019)."""
    learnt = int((history.learnt_at > 0).sum())
    steady = int(((history.learnt_at > 0) & (history.forgotten == 0)).sum())
    facts = {
        "validation images": len(history.labels),
        "learnt at some epoch": learnt,
        "learnt and never forgotten": steady,
        "forgotten at least once": int((history.forgotten > 0).sum()),
        "never learnt": len(history.never),
    }
    cells = "".join(f"<div><b>{count:,}</b> {what}</div>" for what, count in facts.items())
    st.html(f'<div class="lab-facts">{cells}</div>')


def _scrub(history: History) -> int:
    """The epoch that is looked at; the last one by default."""
    last = history.num_epochs
    epoch = read_whole("epoch", 1, last, last)
    if last > 1:
        st.slider("Epoch", 1, last, **tie("epoch", epoch, last))
    return epoch


def _show_lists(run: Run, history: History, classes: list[str], epoch: int) -> None:
    counts = {
        "never": history.never,
        "forgotten": history.most_forgotten(),
        "learnt": history.changed_at(epoch, learnt=True),
        "lost": history.changed_at(epoch, learnt=False),
    }
    chosen = choose_option("Images", "list", LISTS, label_visibility="collapsed")
    empty = {
        "never": "Every image was right after some epoch.",
        "forgotten": "No image that was once right became wrong.",
        "learnt": "No image became right at this epoch.",
        "lost": "No image became wrong at this epoch.",
    }
    shown = epoch if chosen in ("learnt", "lost") else history.num_epochs
    if count := len(counts[chosen]):
        show_note(f"{count_of(count, 'image')}, with the answers after epoch {shown}.")
    _gallery(run, history, classes, counts[chosen].tolist(), shown, chosen, empty[chosen])


def _gallery(
    run: Run, history: History, classes: list[str], indices: list[int], epoch: int, key: str, empty: str
) -> None:
    def words(index: int) -> Caption:
        predicted, true = history.predicted[epoch - 1, index], history.labels[index]
        lost = int(history.forgotten[index])
        often = f"forgotten {lost} ×" if lost else ""
        return Caption(
            f"{classes[true]}" if predicted == true else f"{classes[predicted]}, not {classes[true]}",
            often or _when(history, index),
            bool(predicted != true),
        )

    show_gallery(run, "val", indices, words, key=f"history.{key}", empty=empty)


def _when(history: History, index: int) -> str:
    at = int(history.learnt_at[index])
    return f"learnt at epoch {at}" if at else "never right"


def show_strip(run: Run, index: int, classes: list[str]) -> None:
    """The answers to one validation image over the epochs, as a row of cells."""
    try:
        history = read_history(run)
    except ExamineError:
        return
    if index >= len(history.labels):
        return
    predicted, right = history.predicted[:, index], history.right[:, index]
    names = [classes[number] for number in predicted]
    cells = "".join(
        f'<i class="{"right" if fine else "wrong"}" title="epoch {epoch}: {escape(name)}"></i>'
        for epoch, (name, fine) in enumerate(zip(names, right, strict=True), 1)
    )
    first = int(history.learnt_at[index])
    story = f"right first at epoch {first}" if first else "never right"
    lost = int(history.forgotten[index])
    story += f", forgotten {lost} ×" if lost else ""
    ends = f"right after {int(right.sum()):,} of {history.num_epochs:,} epochs; {story}"
    st.html(f'<p class="lab-title">Over the epochs</p><div class="lab-strip">{cells}</div>')
    show_note(ends[:1].upper() + ends[1:] + ".")
