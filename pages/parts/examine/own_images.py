"""Many images of one's own at once: dropped as files, a zip or an array, and answered in a table to take away."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.data.folder import SUFFIXES
from core.data.own_images import Brought, ChoiceError, keep_files, name_images
from core.data.store import DataError
from core.examine import answers
from core.examine.answers import Answer, HandIn, Ids, Labels, Threshold
from core.examine.predicting import OwnPrediction, ask_validation
from core.examine.weights import Weights
from core.machine.devices import list_devices
from core.runs.folder import Run
from core.runs.store import open_run
from core.system.errors import LabError
from core.text.safe import plain
from pages.parts.examine.address import PREFIX
from pages.parts.examine.load import NotYet, load_predictions
from pages.parts.examine.pick import list_examinable
from pages.parts.frame.style import show_note, show_problem
from pages.parts.frame.widgets import renew_while

MAX_MEGABYTES = 200
MAX_OTHERS = 3  # the helper process keeps four networks loaded
SHOWN = 1000
_KEPT, _ASKED, _UPLOAD = f"{PREFIX}own.kept", f"{PREFIX}own.asked", f"{PREFIX}own.files"
_IDS: dict[Ids, str] = {"name": "File name", "stem": "File name without suffix", "number": "Number, from 0"}
_LABELS: dict[Labels, str] = {"name": "Class name", "index": "Class index"}
_EXACT = "Exact names"


@dataclass
class _Kept:
    """Uploaded files on the disk, for as long as this visit lasts or until others take their place."""

    file_ids: tuple[str, ...]
    path: Path
    folder: tempfile.TemporaryDirectory[str]
    names: dict[Brought, list[str]] = field(default_factory=dict)


@dataclass
class _Asked:
    """One question and its answer: which images by which networks."""

    key: tuple[object, ...]
    names: Sequence[str]
    prediction: OwnPrediction
    answering: list[tuple[Run, Weights]]
    distances: Future[npt.NDArray[np.float64] | None]
    told: list[Answer] = field(default_factory=list)
    threshold: Threshold | None = None
    remark: str = ""  # why unusual images are not marked
    _is_settled: bool = False

    def settle(self) -> str:
        """What is waited for to know which images are unusual; empty once that is known."""
        if self._is_settled:
            return ""
        self.remark = answers.explain_unmarked([run for run, _ in self.answering])
        if not self.remark:
            if not self.distances.done():
                return "Looking at validation images"
            try:
                distances = self.distances.result()
                scores = _find_energies(self.answering) if distances is None else distances
                self.threshold = answers.find_threshold("energy" if distances is None else "distance", scores)
            except NotYet as now:
                return f"Predicting validation images: {now.prediction.done:,} of {now.prediction.total:,}"
            except LabError as error:
                self.remark = f"Unusual images are not marked: {error}"
        self._is_settled = True
        return ""

    def is_over(self) -> bool:
        """Whether the images are predicted, and it is known what is unusual."""
        return self.prediction.is_over() and not self.settle()


def _find_energies(answering: Sequence[tuple[Run, Weights]]) -> npt.NDArray[np.float64]:
    """Of the validation images, where the training's are not at hand. Raises ExamineError, NotYet."""
    return answers.measure_energy([load_predictions(run, weights, "val").predicted for run, weights in answering])


def show_own_images(run: Run, weights: Weights, classes: list[str]) -> None:
    """The upload, the other runs that answer with this one, and the table."""
    left, right = st.columns(2, gap="large", vertical_alignment="bottom")
    with left:
        files = st.file_uploader(
            "Images, a zip of images, or an array (.npy, .npz)",
            [suffix[1:] for suffix in sorted(SUFFIXES)] + ["zip", "npy", "npz"],
            accept_multiple_files=True,
            key=_UPLOAD,
            max_upload_size=MAX_MEGABYTES,
            help="Treated as the data set was: centre cropped to a square, then resized. Deleted when your visit ends.",
        )
    with right:
        others = _choose_others(run, classes)
    if not files:
        st.session_state.pop(_KEPT, None)
        _forget()
        show_note(
            "Drop images to get a table of what each is taken for, and how surely; it stays until "
            "another tab is opened. In a zip whose folders are named as "
            f"the classes, the accuracy is measured as well. At most {MAX_MEGABYTES} MB in sum."
        )
        return
    try:
        asked = _ask(run, weights, others, _keep(files))
    except LabError as error:
        show_problem(str(error))
        return
    if asked is not None:
        renew_while(lambda: not asked.is_over(), lambda: _show(run, asked, classes))


def _choose_others(run: Run, classes: list[str]) -> list[str]:
    """Runs that tell the same number of classes apart; whether they are the same classes is checked when asked."""
    runs = {other.id: other.name for other in list_examinable() if other.id != run.id}
    return st.multiselect(
        "Together with",
        list(runs),
        format_func=lambda run_id: f"{plain(runs[run_id])} · {run_id[-6:]}",
        key=f"{PREFIX}own.others",
        placeholder="No other run",
        max_selections=MAX_OTHERS,
        help="Several runs answer as an ensemble: by the mean of their probabilities.",
        disabled=not runs,
    )


def _keep(files: Sequence[UploadedFile]) -> Path:
    """The files on the disk, where the helper process can read them. Raises DataError."""
    ids = tuple(file.file_id for file in files)
    kept: _Kept | None = st.session_state.get(_KEPT)
    if kept is None or kept.file_ids != ids:
        if (size := sum(file.size for file in files)) > MAX_MEGABYTES * 1_000_000:
            raise DataError(f"The files have {size / 1e6:,.0f} MB in sum; at most {MAX_MEGABYTES} MB can be taken.")
        folder = tempfile.TemporaryDirectory(prefix="resnet-lab-", ignore_cleanup_errors=True)
        path = keep_files([(file.name, file.getvalue()) for file in files], Path(folder.name))
        kept = st.session_state[_KEPT] = _Kept(ids, path, folder)
    return kept.path


def _ask(run: Run, weights: Weights, others: Sequence[str], path: Path) -> _Asked | None:
    """The question under way or answered; None while an array must be chosen first. Raises LabError."""
    brought = Brought(str(path))
    try:
        names = _name(brought)
    except ChoiceError as choice:
        array = st.selectbox("Array", choice.choices, index=None, placeholder="Which array holds the images?")
        if array is None:
            return None
        brought = Brought(str(path), array)
        names = _name(brought)
    runs = [run, *map(open_run, others)]
    answers.require_same_classes(runs)
    asked_of = [answers.make_member(run, weights.key), *(answers.make_member(other) for other in runs[1:])]
    members = [member for member, _ in asked_of]
    key = (brought, *((member.weights.sha256, member.weights.which) for member in members))
    asked: _Asked | None = st.session_state.get(_ASKED)
    if asked is None or asked.key != key:
        _forget()
        asked = st.session_state[_ASKED] = _Asked(
            key,
            names,
            OwnPrediction(members, brought, all_cores=not _is_training()),
            [(each, of) for each, (_, of) in zip(runs, asked_of, strict=True)],
            ask_validation(members),
        )
    return asked


def _is_training() -> bool:
    """Whether runs of this machine need its cores: threads that wait for a busy one take several times as long."""
    return any(device.busy_by for device in list_devices())


def _name(brought: Brought) -> list[str]:
    """The images' names, looked up once an upload. Raises DataError."""
    kept: _Kept = st.session_state[_KEPT]
    if brought not in kept.names:
        kept.names[brought] = name_images(brought)
    return kept.names[brought]


def _forget() -> None:
    """What was asked last is asked no further."""
    if asked := st.session_state.pop(_ASKED, None):
        asked.prediction.give_up()


def _show(run: Run, asked: _Asked, classes: list[str]) -> None:
    prediction = asked.prediction
    if not prediction.is_over():
        share = prediction.done / prediction.total if prediction.total else 0.0
        st.progress(share, f"Predicting: {prediction.done:,} of {len(asked.names):,} images")
        return
    if not asked.told:
        if waiting := asked.settle():
            st.progress(1.0, waiting)
            return
        try:
            asked.told = answers.tell_answers(asked.names, prediction.result(), asked.threshold)
        except LabError as error:
            del st.session_state[_ASKED]  # shown once; the next look asks again
            show_problem(f"The images could not be predicted. {error}")
            return
    _show_summary(asked, classes)
    _show_rows(asked.told, classes)
    _show_all_columns(run, asked, classes)
    with st.expander("Two columns, to hand in"):
        _show_hand_in(run, asked, classes)


def _show_summary(asked: _Asked, classes: list[str]) -> None:
    sentences = answers.summarize(asked.told, answers.find_labels(asked.names, classes), asked.threshold)
    show_note(" ".join([*sentences, *([asked.remark] if asked.remark else [])]))


def _show_rows(told: Sequence[Answer], classes: list[str]) -> None:
    """The least certain first."""
    rows = answers.sort_by_doubt(told)[:SHOWN]
    names = [*classes, ""]  # the last, at -1, of what cannot be read
    table = pd.DataFrame(
        {
            "Image": [plain(answer.name) for answer in rows],
            "Class": [names[answer.guess] for answer in rows],
            "Probability": [100 * answer.probability for answer in rows],
            "Second guess": [names[answer.second] for answer in rows],
            "Its probability": [100 * answer.second_probability for answer in rows],
            "Note": [answer.fault or ("unusual" if answer.is_unusual else "") for answer in rows],
        }
    )
    share = st.column_config.ProgressColumn(min_value=0, max_value=100, format="%.1f %%")
    st.dataframe(table, hide_index=True, column_config={"Probability": share, "Its probability": share})
    if len(told) > SHOWN:
        show_note(f"The {SHOWN:,} least certain of {len(told):,}; the CSV holds all.")


def _show_all_columns(run: Run, asked: _Asked, classes: list[str]) -> None:
    st.download_button(
        "All columns (CSV)",
        answers.write_table(asked.told, classes, asked.threshold.method if asked.threshold else "energy"),
        f"{run.file_stem}-own-images.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def _show_hand_in(run: Run, asked: _Asked, classes: list[str]) -> None:
    """Two columns of one's own naming, as CSV."""
    try:
        hand_in = _choose_hand_in([each for each, _ in asked.answering])
        content = answers.write_hand_in(asked.told, classes, hand_in)
        if notes := answers.explain_hand_in(asked.told, classes, hand_in, _EXACT):
            show_note(plain(" ".join(notes)))
    except LabError as error:
        show_problem(str(error))
        return
    st.download_button(
        "To hand in (CSV)",
        content,
        f"{run.file_stem}-hand-in.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def _choose_hand_in(runs: Sequence[Run]) -> HandIn:
    """What stands in the columns, as it is asked for. Raises ExamineError."""
    ids, labels = st.columns(2, gap="medium")
    id_name = ids.text_input("Name of the first column", "ID", key=f"{PREFIX}own.id")
    ids_by = ids.selectbox("The first column holds", list(_IDS), format_func=_IDS.__getitem__, key=f"{PREFIX}own.ids")
    label_name = labels.text_input("Name of the second column", "Label", key=f"{PREFIX}own.label")
    labels_by = labels.selectbox(
        "The second column holds",
        list(_LABELS),
        format_func=_LABELS.__getitem__,
        key=f"{PREFIX}own.by",
        help="Class index: the number in the file that the set was brought as, or that class folders are named by; "
        "else its place among them, from 0.",
    )
    sample = st.file_uploader(
        "Sample of what is asked for (CSV)",
        "csv",
        key=f"{PREFIX}own.sample",
        max_upload_size=20,
        help="Its first column gives the ids and their order. At most 20 MB.",
    )
    exact = st.toggle(
        _EXACT,
        key=f"{PREFIX}own.exact",
        help="Writes names as they are, for a program that matches ids. Without it, a name that begins with =, +, - or "
        "@ gets an apostrophe in front, so that no spreadsheet runs it as a formula.",
    )
    order = answers.read_order(sample.getvalue().decode("utf-8", "replace")) if sample else ()
    numbers = answers.find_numbers(runs) if labels_by == "index" else ()
    return HandIn((id_name, label_name), ids_by, labels_by, order, tuple(numbers), exact)
