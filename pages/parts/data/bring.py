"""Bringing a set: an uploaded file becomes a set of this lab, or a folder of this machine is chosen by walking."""

from __future__ import annotations

import io
import os
from pathlib import Path

import streamlit as st

from core.data.bring import bring, sets_folder, spec_of, suggest_name
from core.data.browse import Place, list_starts, look_into
from core.data.store import DataError
from core.spec import DataSpec
from core.text.safe import plain
from core.text.words import count_of
from pages.parts.data.choose import open_set
from pages.parts.frame.style import show_note, show_problem
from pages.parts.frame.widgets import renew_while
from pages.parts.transfer.jobs import Job, Report

# Streamlit holds an upload in memory; the command line reads from the disk, whatever the size.
MAX_MEGABYTES = 200
_JOB, _READY, _PLACE = "data.job", "data.ready", "data.place"
_COUNT, _PROBLEM, _TOLD = "data.bring_count", "data.bring_problem", "data.bring_told"
_FILE = "data.bring_file"  # the one that is, or was last, taken in


def show_bring() -> None:
    """Two ways to bring a set."""
    with st.popover("Bring images", icon=":material/upload_file:", key="data.bring"), st.container(width=420):
        renew_while(_is_busy, _show_upload)
        st.divider()
        _show_walk()


def _is_busy() -> bool:
    job: Job[DataSpec] | None = st.session_state.get(_JOB)
    return job is not None and not job.is_over()


def take_brought() -> None:
    """Opens the set that was made or chosen; before the page reads its address, and before any widget is made."""
    job: Job[DataSpec] | None = st.session_state.get(_JOB)
    spec: DataSpec | None = st.session_state.pop(_READY, None)
    if job is not None and job.is_over():
        del st.session_state[_JOB]
        spec, st.session_state[_PROBLEM] = job.answer()
        if spec:  # a new field: the memory of the upload is freed
            st.session_state[_COUNT] = st.session_state.get(_COUNT, 0) + 1
    if spec:
        open_set(spec)


def _show_upload() -> None:
    count = st.session_state.get(_COUNT, 0)
    file = st.file_uploader(
        "A zip of class folders, an .npz or .npy file, or CIFAR's binary batches",
        ["zip", "npz", "npy", "gz", "tar"],
        key=f"data.upload.{count}",
        max_upload_size=MAX_MEGABYTES,
        disabled=_is_busy(),
    )
    show_note(
        f"At most {MAX_MEGABYTES} MB; larger ones with python -m core data bring FILE. In a zip: one folder a class, "
        "directly or inside train/, val/ and test/. In an .npz: train_images and train_labels, as MedMNIST has them, "
        "x_train and y_train, or images and labels."
    )
    job: Job[DataSpec] | None = st.session_state.get(_JOB)
    if job is not None:
        st.progress(job.done / job.total if job.total else 0.0, f"Taking the images in, {job.describe()}")
        return
    if file is None:
        return
    if (problem := st.session_state.get(_PROBLEM, "")) and st.session_state.get(_FILE) == file.file_id:
        show_problem(f"Nothing was kept. {problem}")
    labels = None
    if file.name.lower().endswith(".npy"):
        labels = st.file_uploader("The labels of these images, a .npy file too", ["npy"], key=f"data.labels.{count}")
        if labels is None:
            return
    key = f"data.name.{count}.{file.file_id}"
    name = st.text_input("Name of the set", suggest_name(file.name), max_chars=60, key=key)
    if st.button("Bring it in", type="primary", icon=":material/upload_file:", key="data.begin"):
        st.session_state[_FILE] = file.file_id
        _begin(file, name, labels)
        st.rerun()


def _begin(file: io.BytesIO, name: str, labels: io.BytesIO | None) -> None:
    told: list[str] = []

    def work(report: Report) -> DataSpec:
        return bring(file, name, report, labels, told.append)

    st.session_state[_PROBLEM], st.session_state[_TOLD] = "", (name.strip(), told)
    st.session_state[_JOB] = Job(work)


def show_told(spec: DataSpec) -> None:
    """What was left out of the archive that this set came in, as long as this visit lasts."""
    name, told = st.session_state.get(_TOLD, ("", []))
    if spec.has_path and spec.folder == str(sets_folder() / name):
        for sentence in told:
            show_note(sentence)


# A folder of this machine -------------------------------------------------------------------------------------------


@st.fragment
def _show_walk() -> None:
    """Where one is, the folders within, and the choice of this one."""
    starts = list_starts()
    path = st.session_state.get(_PLACE) or starts[0]
    st.html('<p class="lab-title">Or a folder on this machine</p>')
    try:
        place = look_into(path)
    except DataError as error:
        show_problem(str(error))
        st.button("Back", icon=":material/undo:", type="tertiary", on_click=_walk, args=("",))
        return
    if len(starts) > 1:
        st.selectbox("Begin at", starts, index=None, key="data.start", on_change=_walk_to_start, placeholder="A folder")
    st.text_input("Folder", place.path, key=f"data.path.{place.path}", on_change=_walk_to, args=(place.path,))
    if place.images:
        show_note(f"{count_of(place.images, 'image')} directly in it.")
    _show_steps(place)


def _show_steps(place: Place) -> None:
    st.selectbox(
        "Open a folder within",
        place.folders,
        index=None,
        format_func=plain,
        key=f"data.walk.{place.path}",
        on_change=_walk_into,
        args=(place.path,),
        placeholder=count_of(len(place.folders), "folder"),
        disabled=not place.folders,
    )
    with st.container(horizontal=True, gap="small"):
        use = st.button("Use this folder", icon=":material/check:", key="data.use_folder", disabled=not place.folders)
        up = place.above
        st.button(
            "Up", icon=":material/arrow_upward:", type="tertiary", disabled=up is None, on_click=_walk, args=(up,)
        )
    if use:
        _use(place)


def _use(place: Place) -> None:
    try:
        spec = spec_of(Path(place.path))
    except DataError as error:
        show_problem(str(error))
        return
    st.session_state[_READY] = spec
    st.rerun(scope="app")


def _walk(path: str | None) -> None:
    st.session_state[_PLACE] = path or ""


def _walk_into(path: str) -> None:
    if name := st.session_state[f"data.walk.{path}"]:
        _walk(os.path.join(path, name))


def _walk_to(path: str) -> None:
    _walk(str(st.session_state[f"data.path.{path}"]).strip())


def _walk_to_start() -> None:
    _walk(st.session_state["data.start"])
