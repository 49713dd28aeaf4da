"""Predictions for the Examine page: those stored at the end, else made by the helper process while the page goes on."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from core.examine.predicting import Prediction
from core.examine.predictions import Figures, Predicted, Split, check_predicted, read_stored, work_out
from core.examine.weights import ExamineError, Weights, name_file
from core.helper.process import call
from core.helper.questions import WeightsFile
from core.runs import layout
from core.runs.folder import Run
from core.stats import calibration

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Loaded:
    """Predictions, whether they were stored at the end of the training, and a key that changes when they do."""

    predicted: Predicted
    stored: bool
    key: str


class NotYet(Exception):
    """The predictions are under way."""

    def __init__(self, prediction: Prediction) -> None:
        self.prediction = prediction


def load_predictions(run: Run, weights: Weights, split: Split) -> Loaded:
    """Raises ExamineError with a sentence, or NotYet while they are made."""
    key = _stamp(run, weights, split)
    stored = _read(run.id, key, run, weights, split)
    if stored is not None:
        return Loaded(stored, True, key)
    file = name_file(run, weights)
    prediction = _start(file.sha256, file.which, split, file)
    if not prediction.is_over():
        raise NotYet(prediction)
    if prediction.error:
        _start.clear(file.sha256, file.which, split, file)
        raise ExamineError(f"The predictions could not be made: {prediction.error}")
    logits, labels = prediction.result()
    made = check_predicted(logits, labels, run.spec.data.num_classes)
    return Loaded(made, False, f"{file.sha256}.{file.which}.{split}")


def _stamp(run: Run, weights: Weights, split: Split) -> str:
    """Differs by what is asked for even without a file: test images are not read as validation is."""
    try:
        stat = (run.path / layout.PREDICTIONS / f"{split}_{weights.key}.npy").stat()
        version = f"{stat.st_mtime_ns}.{stat.st_size}"
    except OSError:
        version = "none"
    return f"{run.id}.{split}.{weights.key}.{version}"


@st.cache_resource(max_entries=8, show_spinner=False)
def _read(run_id: str, stamp: str, _run: Run, _weights: Weights, _split: Split) -> Predicted | None:
    return read_stored(_run, _weights, _split)


@st.cache_resource(max_entries=8, show_spinner=False)
def _start(sha256: str, which: str, split: Split, _weights: WeightsFile) -> Prediction:
    """The prediction of these weights, begun only once however often it is asked for."""
    return Prediction(_weights, split)


def warm_up(run: Run, weights: Weights) -> None:
    """Has the helper process load network and images in the background."""
    try:
        file = name_file(run, weights)
    except ExamineError:
        return
    _warm_up(file.sha256, file.which, file)


@st.cache_resource(max_entries=8, show_spinner=False)
def _warm_up(sha256: str, which: str, _weights: WeightsFile) -> None:
    call("core.engine.examine:prepare", weights=_weights)


@st.cache_resource(max_entries=16, show_spinner=False)
def get_figures(key: str, _predicted: Predicted) -> Figures:
    """Figures of the predictions with this key."""
    return work_out(_predicted)


@st.cache_resource(max_entries=16, show_spinner=False)
def get_temperature(key: str, _predicted: Predicted) -> float:
    """The temperature fitted on the validation predictions with this key."""
    return calibration.fit_temperature(_predicted.logits, _predicted.labels)


@st.fragment(run_every=POLL_SECONDS)
def wait_for(prediction: Prediction) -> None:
    """How far the prediction is; reruns the whole page when it is over."""
    if prediction.is_over():
        st.rerun()
    share = prediction.done / prediction.total if prediction.total else 0.0
    progress = f"{prediction.done:,} of {prediction.total:,} images" if prediction.total else "loading the network"
    st.html(
        f'<div class="lab-bar" role="progressbar" aria-valuenow="{share * 100:.0f}" aria-label="Predicting">'
        f'<span style="width:{share:.2%}"></span></div>'
        f'<p class="lab-small lab-muted lab-num" style="margin:0.25rem 0">Predicting with these weights: {progress}</p>'
    )
