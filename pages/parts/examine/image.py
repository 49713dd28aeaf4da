"""One image from the data set or an upload, edited by sliders: what the network predicts and where it looks."""

from __future__ import annotations

from concurrent.futures import TimeoutError as WaitedTooLong
from dataclasses import dataclass
from html import escape

import numpy as np
import streamlit as st

from core.data.edits import Edits
from core.data.uploads import MAX_BYTES, SUFFIXES, check_upload, name_upload
from core.examine.charts import draw_heat, draw_picture
from core.examine.predictions import SPLITS, Split, check_split, count_images, name_classes
from core.examine.weights import ExamineError, Weights, find_weights, name_file
from core.helper.process import call
from core.helper.questions import Answer, Picture, QuestionError
from core.runs.folder import Run
from core.runs.store import open_run
from core.spec import map_sizes, parse
from core.system.errors import LabError
from core.text.formats import format_bytes, format_percent
from pages.parts.examine.address import choose_option, read_number, read_option, read_whole, tie
from pages.parts.examine.history import show_strip
from pages.parts.examine.pick import pick_run
from pages.parts.frame.numbers import ask_whole
from pages.parts.frame.style import show_note

WAIT_SECONDS = 90
TOP_CLASSES = 5
PREDICTED = "predicted"  # the class that the network itself predicts


@dataclass(frozen=True)
class Look:
    """What is asked of every network shown: layer 0 is the first, -1 the last; `target` None is its own answer."""

    picture: Picture
    edits: Edits
    target: int | None
    layer: int


@st.fragment
def show_image(run: Run, split: Split, weights: Weights, classes: list[str]) -> None:
    """Choose, change, ask; runs again at every slider."""
    with st.container(key="examine_image"):
        left, right = st.columns([0.3, 0.7], gap="large")
    with left:
        picture = _choose_picture(run, weights, split)
        edits = _choose_edits()
        other = pick_run("other", "Compare with", leave_out=run.id, empty="No other run")
    with right:
        look = _choose_look(run, picture, edits, classes)
        if picture is None:
            return
        columns = st.columns(2, gap="large") if other else [st.container()]
        with columns[0]:
            _show_answer(run, weights, look, classes, compact=other is not None)
        if other:
            with columns[1]:
                _show_other(run, other, look, split, classes)
        if not picture.content and split == "val":
            show_strip(run, picture.index, classes)


# What is looked at ------------------------------------------------------------------------------------------------


def _choose_picture(run: Run, weights: Weights, split: Split) -> Picture | None:
    if choose_option("Image", "source", {"set": "Data set", "own": "Own image"}) == "own":
        return _take_upload()
    try:
        check_split(run, weights, split)
        count = count_images(run, split)
    except ExamineError as error:
        show_note(str(error))
        return None
    # What is no number stays in the box as it was typed; another data set may have fewer images.
    typed = st.query_params.get("image", "0")
    found = parse.read_number(typed, is_whole=True)
    shown = str(min(max(found, 0), count - 1)) if isinstance(found, int) else typed
    index = ask_whole(
        f"Index in the {SPLITS[split].lower()} set, 0 to {count - 1:,}",
        0,
        0,
        count - 1,
        help="In the order of the data set. Click an image on another tab to come here with it.",
        **tie("image", shown, "0"),
    )
    if index is None:
        return None
    if st.button("In its data set", icon=":material/photo_library:", type="tertiary", key="examine.data"):
        st.switch_page("data.py", query_params={"run": run.id, "part": split, "index": str(index)})
    return Picture(split, index)


def _take_upload() -> Picture | None:
    """One's own image; kept in memory for this visit only, and never written to the disk."""
    file = st.file_uploader(
        "Own image",
        list(SUFFIXES),
        key="examine.upload",
        max_upload_size=MAX_BYTES // 1_000_000,
        label_visibility="collapsed",
        help="Resized as the data set was: centre cropped to a square, then shrunk.",
    )
    if file is None:
        most = f"At most {format_bytes(MAX_BYTES)}."
        show_note(f"Drop an image to ask about it: what the network says, and where it looks. {most}")
        return None
    content = file.getvalue()
    try:
        check_upload(content)
    except QuestionError as error:
        show_note(str(error))
        return None
    show_note(f"{name_upload(file.name)}, resized as the data set was. It stays in memory, for this visit only.")
    return Picture(content=content)


def _choose_edits() -> Edits:
    """Sliders for what is done to the image; the answer follows."""
    with st.container(key="examine_edits"):
        brightness = _slider("bright", "Brightness", 0.2, 2.0, 1.0, 0.05, format="×%.2f")
        blur = _slider("blur", "Blur", 0.0, 4.0, 0.0, 0.1, format="%.1f px")
        noise = _slider("noise", "Noise", 0.0, 0.5, 0.0, 0.01, format="percent")
        rotation = _slider("turn", "Rotation", -180.0, 180.0, 0.0, 5.0, format="%d°")
        invert = read_option("invert", ("true",), "") == "true"
        tied = tie("invert", invert, False)
        st.toggle("Invert", help="Dark becomes bright: the built-in digits are bright on dark.", **tied)
    return Edits(invert, rotation, brightness, blur, noise)


def _slider(name: str, label: str, low: float, high: float, default: float, step: float, format: str) -> float:
    value = round(read_number(name, low, high, default), 4)
    st.slider(label, low, high, step=step, format=format, **tie(name, value, default))
    return value


def _choose_look(run: Run, picture: Picture | None, edits: Edits, classes: list[str]) -> Look:
    """Whose evidence is drawn, and at which layer."""
    sizes = map_sizes(run.spec.model, run.spec.data.image_size)[1:]
    count = len(sizes)
    targets = [PREDICTED, *map(str, range(len(classes)))]
    target, layer = read_option("class", targets, PREDICTED), read_whole("layer", 1, count, count)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="examine_look"):
        st.selectbox(
            "Evidence for",
            targets,
            format_func=lambda key: "the predicted class" if key == PREDICTED else classes[int(key)],
            width=210,
            help="Grad-CAM (Selvaraju et al. 2017): which parts of the layer's map support this class.",
            **tie("class", target, PREDICTED),
        )
        st.selectbox(
            "Layer",
            list(range(1, count + 1)),
            format_func=lambda number: f"{number}: {sizes[number - 1]}×{sizes[number - 1]}",
            width=130,
            help="The last layer says most about the class; earlier ones are finer and less specific.",
            **tie("layer", layer, count),
        )
    chosen = None if target == PREDICTED else int(target)
    return Look(picture or Picture(), edits, chosen, layer - 1)


# What is answered -------------------------------------------------------------------------------------------------


def _show_answer(run: Run, weights: Weights, look: Look, classes: list[str], *, compact: bool) -> None:
    """The picture, its heat, and the likeliest classes; a sentence instead if there is no answer."""
    name = escape(run.about.name)
    st.html(f'<p class="lab-title">{name} <span class="lab-muted">{escape(weights.title.lower())}</span></p>')
    try:
        answer = _ask(run, weights, look)
    except LabError as error:
        show_note(str(error))
        return
    except WaitedTooLong:
        show_note("The helper process is busy with other questions; try again in a while.")
        return
    pictures, answers = (st.container(), st.container()) if compact else st.columns([0.62, 0.38], gap="medium")
    with pictures:
        with st.container(key=f"examine_pictures_{run.id}"):
            shown, heat = st.columns(2, gap="small")
        shown.image(draw_picture(answer.pixels), width="stretch")
        heat.image(draw_heat(answer.pixels, answer.heat), width="stretch")
        whose = classes[answer.target] if answer.target < len(classes) else str(answer.target)
        if answer.heat.any():
            show_note(f"As the network sees it, and the regions that support “{whose}”.")
        else:
            show_note(f"As the network sees it. No region of this layer supports “{whose}”.")
    with answers:
        _show_classes(answer, classes)


def _ask(run: Run, weights: Weights, look: Look) -> Answer:
    question = call(
        "core.engine.examine:ask",
        weights=name_file(run, weights),
        picture=look.picture,
        edits=look.edits,
        for_class=look.target,
        layer=look.layer,
    )
    if not question.done():
        with st.spinner("Asking the network"):
            question.exception(WAIT_SECONDS)
    answer: Answer = question.result()
    return answer


def _show_classes(answer: Answer, classes: list[str]) -> None:
    """The likeliest classes as bars; the true one is always among them."""
    order = np.argsort(-answer.probabilities, kind="stable")[:TOP_CLASSES].tolist()
    if answer.label is not None and answer.label not in order:
        order[-1] = answer.label
    rows = "".join(_bar(answer, index, classes[index]) for index in order)
    st.html(f'<div class="lab-chances">{rows}</div>')
    if answer.label is not None:
        right = int(answer.probabilities.argmax()) == answer.label
        verdict = '<b class="lab-good">Right</b>' if right else '<b class="lab-bad">Wrong</b>'
        st.html(f'<p class="lab-small" style="margin:0">{verdict}: it is {escape(classes[answer.label])}.</p>')


def _bar(answer: Answer, index: int, name: str) -> str:
    chance = float(answer.probabilities[index])
    true = " true" if index == answer.label else ""
    return (
        f'<div class="row{true}"><span>{escape(name)}</span>'
        f'<span class="track"><i style="width:{chance:.1%}"></i></span>'
        f'<span class="lab-num">{format_percent(chance, 1)}</span></div>'
    )


def _show_other(run: Run, other_id: str, look: Look, split: Split, classes: list[str]) -> None:
    """The second run on the same image: of the data set only where both were trained on the same images."""
    try:
        other = open_run(other_id)
        weights = find_weights(other, st.query_params.get("weights", ""))
        names = name_classes(other)
        if not look.picture.content:
            check_split(other, weights, split)
    except LabError as error:
        show_note(f"The other run cannot be asked. {error}")
        return
    same = other.environment().get("data_fingerprint") == run.environment().get("data_fingerprint")
    if not same and not look.picture.content:
        show_note(
            "The other run has other images, or another split of them, so this index is another image there. "
            "Drop an image of your own to ask both."
        )
        return
    count = len(map_sizes(other.spec.model, other.spec.data.image_size)) - 1
    layer = -1 if look.layer == _last_layer(run) else min(look.layer, count - 1)
    target = look.target if names == classes else None
    _show_answer(other, weights, Look(look.picture, look.edits, target, layer), names, compact=True)


def _last_layer(run: Run) -> int:
    return len(map_sizes(run.spec.model, run.spec.data.image_size)) - 2
