"""One run looked at closely: its stored predictions and its history, and the numbers that a page shows of them.

No torch: what is not stored is predicted by the helper process (`core.examine.predicting`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from core.helper.questions import WeightsFile
from core.runs.store import CheckpointFile, DamagedRunError, Run
from core.stats import calibration, scores
from core.stats.calibration import ReliabilityBins
from core.stats.scores import Accuracy, FloatArray, IntArray, PerClass

Split = Literal["val", "test"]
SPLITS: dict[Split, str] = {"val": "Validation", "test": "Test"}
TOP_KS = (1, 2, 3, 5)
STORED = ("val_best", "test_best", "test_last")  # what a worker leaves behind


class ExamineError(Exception):
    """Something cannot be shown; the message is a sentence for its place on the page."""


# Which weights ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Weights:
    """One set of a run's weights: `key` names it in addresses, `file` is None where only its predictions are left.

    `label` stays the same while the run goes on; `title` tells the epoch.
    """

    key: str
    label: str
    epoch: int | None
    file: CheckpointFile | None
    which: Literal["last", "best"]

    @property
    def title(self) -> str:
        told = self.epoch is None or self.key not in ("best", "last")
        return self.label if told else f"{self.label} (epoch {self.epoch})"


def list_weights(run: Run) -> list[Weights]:
    """Best on validation, last, then what other checkpoints hold. Empty before the first epoch has ended."""
    files = run.checkpoints()
    best = next((file for file in reversed(files) if file.kind == "best"), None)
    last = files[-1] if files else None
    figures = (run.end() or {}).get("metrics") or {}
    found = []
    if best or last or run.predictions("test_best") is not None:
        epoch = best.epoch if best else _whole(figures.get("best/epoch"))
        # Every checkpoint carries the best weights so far, also where the file of their own epoch was lost.
        found.append(Weights("best", "Best on validation", epoch, best or last, "best"))
    if last or run.predictions("test_last") is not None:
        epoch = last.epoch if last else _whole(figures.get("last/epoch"))
        found.append(Weights("last", "Last", epoch, last, "last"))
    found += [
        Weights(file.path.stem, f"Checkpoint of epoch {file.epoch}", file.epoch, file, "last")
        for file in reversed(files)
        if file not in (best, last)
    ]
    return found


def find_weights(run: Run, key: str) -> Weights:
    """The weights of this key, else the first. Raises ExamineError where the run has none yet."""
    choices = list_weights(run)
    if not choices:
        raise ExamineError(explain_nothing(run))
    return next((weights for weights in choices if weights.key == key), choices[0])


def explain_nothing(run: Run) -> str:
    """Why a run has neither weights nor predictions."""
    match run.state():
        case "queued" | "running":
            return "The first weights and predictions come with the end of the first epoch."
        case "damaged":
            return f"The run's files cannot be read: {run.damage()}."
        case state:
            return f"This run has no checkpoint and no predictions: it is {state}, and no epoch of it has ended."


def name_file(run: Run, weights: Weights) -> WeightsFile:
    """What the helper process needs to load these weights. Raises ExamineError where no checkpoint holds them."""
    if weights.file is None:
        raise ExamineError("The checkpoint of these weights is gone, so nothing new can be asked of them.")
    return WeightsFile(run.spec.model_dump_json(), str(weights.file.path), weights.file.sha256, weights.which)


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and math.isfinite(value) and value > 0 else None


# Predictions ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Predicted:
    """Logits (images, classes) and labels (images,) of one split, in the order of the data set."""

    logits: FloatArray
    labels: IntArray

    @cached_property
    def probabilities(self) -> FloatArray:
        return scores.softmax(self.logits)  # (images, classes)

    @cached_property
    def told(self) -> IntArray:
        """The predicted class of each image, (images,); equal logits go to the lower class."""
        return np.asarray(self.logits.argmax(1), np.int64)

    @cached_property
    def sure(self) -> FloatArray:
        """Confidence: the largest of each image's probabilities, (images,)."""
        return np.asarray(self.probabilities.max(1))

    @property
    def correct(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.told == self.labels)


def check_predicted(logits: npt.ArrayLike | None, labels: npt.ArrayLike | None, classes: int) -> Predicted:
    """Raises ExamineError where the two do not fit each other or the run."""
    if logits is None or labels is None:
        raise ExamineError("These predictions are not in the run's folder.")
    try:
        values = scores.check_logits(logits)
        if values.shape[1] != classes:
            raise ValueError(f"{values.shape[1]} classes where the run has {classes}")
        return Predicted(values, scores.check_labels(labels, values))
    except (ValueError, TypeError) as error:
        raise ExamineError(f"The predictions cannot be used: {error}.") from None


def read_stored(run: Run, weights: Weights, split: Split) -> Predicted | None:
    """The predictions that the worker stored at the end; None where it stored none of these weights on this split.

    Raises ExamineError where they are damaged, and for test predictions of a run that has not reached its end.
    """
    check_split(run, weights, split)
    name = f"{split}_{weights.key}"
    if name not in STORED:
        return None
    logits = run.predictions(name)
    if logits is None and (run.path / "predictions" / f"{name}.npy").exists():
        raise ExamineError(f"The stored predictions {name}.npy are damaged and cannot be read.")
    if logits is None:
        return None
    return check_predicted(logits, run.predictions(f"{split}_labels"), run.spec.data.num_classes)


def check_split(run: Run, weights: Weights, split: Split) -> None:
    """Raises ExamineError where test images would be looked at before, or otherwise than, at the training's end."""
    if split != "test":
        return
    if weights.key not in ("best", "last"):
        raise ExamineError("On test only the best and the last weights are measured, once, at the end.")
    if not (run.path / "predictions" / f"test_{weights.key}.npy").exists():
        raise ExamineError(_explain_no_test(run))


def count_images(run: Run, split: Split) -> int:
    """How many images a split has. Raises ExamineError where the run does not tell."""
    known = run.environment().get(f"{split}_images")
    if isinstance(known, int) and known > 0:
        return known
    labels = run.predictions(f"{split}_labels")
    if labels is None or not labels.size:
        raise ExamineError("The run does not tell how many images it has.")
    return int(labels.size)


def _explain_no_test(run: Run) -> str:
    once = "The test images are looked at once, when training has reached its end"
    if run.state() in ("queued", "running"):
        return f"{once}; this run is not there yet."
    if run.summary().is_untested:
        return "The test images of this run were not looked at. Test on the run's page does so."
    return f"{once}; this run {'has no predictions of it' if run.state() == 'finished' else 'did not reach it'}."


def name_classes(run: Run) -> list[str]:
    """The classes as the worker found them; their numbers where it noted none."""
    count = run.spec.data.num_classes
    names = run.environment().get("class_names")
    if isinstance(names, list) and len(names) == count:
        return [str(name) for name in names]
    return [str(number) for number in range(count)]


def require_sound(run: Run) -> None:
    """Raises ExamineError with what is wrong with the run's own files."""
    try:
        _ = run.spec
    except DamagedRunError as error:
        raise ExamineError(f"The run's files cannot be read: {error}.") from None


# Numbers ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Figures:
    """What predictions come to: shares 0 to 1, `loss` the mean cross-entropy, `matrix` (true, predicted)."""

    accuracy: Accuracy
    loss: float
    top: dict[int, float]
    matrix: IntArray
    classes: PerClass


def work_out(predicted: Predicted) -> Figures:
    """Accuracy with its interval, loss, top-k, confusion matrix and figures of each class."""
    count = predicted.logits.shape[1]
    matrix = scores.confusion(predicted.labels, predicted.told, count)
    top = scores.top_k(predicted.logits, predicted.labels, [k for k in TOP_KS if k < count])
    return Figures(
        scores.accuracy(predicted.labels, predicted.told),
        calibration.nll(predicted.logits, predicted.labels),
        top,
        matrix,
        scores.per_class(matrix),
    )


@dataclass(frozen=True)
class Reliability:
    """How well confidence foretells being right; `ece` is 0 to 1, `nll` the mean cross-entropy."""

    bins: ReliabilityBins
    ece: float
    nll: float


def measure_reliability(predicted: Predicted, temperature: float = 1.0) -> Reliability:
    """Reliability of the predictions at a temperature (Guo et al. 2017)."""
    scaled = calibration.apply_temperature(predicted.logits, temperature)
    sure = np.clip(scores.softmax(scaled).max(1), 0, 1)
    return Reliability(
        calibration.reliability_bins(sure, predicted.correct),
        calibration.expected_calibration_error(sure, predicted.correct),
        calibration.nll(scaled, predicted.labels),
    )


def explain_temperature(split: Split, temperature: float) -> str:
    """What the fitted temperature tells of the model, and how fair a figure this split gives."""
    direction = "surer than it is right" if temperature > 1.005 else "less sure than it is right"
    about = f"The model is {direction}." if abs(temperature - 1) > 0.005 else "The model needs no scaling."
    where = (
        "It is shown on the images it was fitted on, which flatters it a little: look at Test for a fair figure."
        if split == "val"
        else "The test images had no part in it."
    )
    return (
        f"{about} Dividing the logits by one temperature, fitted on validation only, changes how sure it is and no "
        f"answer (Guo et al. 2017; 15 bins). {where}"
    )


def find_mistakes(predicted: Predicted) -> IntArray:
    """Places of the wrong images, those of the highest confidence first."""
    wrong = np.flatnonzero(~predicted.correct)
    return wrong[np.argsort(-predicted.sure[wrong], kind="stable")]


def find_cell(labels: IntArray, told: IntArray, true: int, predicted: int, sure: FloatArray | None = None) -> IntArray:
    """Places of the images of one cell of the confusion matrix; the most confident first, where that is known."""
    places = np.flatnonzero((labels == true) & (told == predicted))
    return places if sure is None else places[np.argsort(-sure[places], kind="stable")]


# History ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class History:
    """The class predicted for each validation image after each epoch, (epochs, images), and the labels (images,)."""

    told: IntArray
    labels: IntArray
    num_classes: int

    @property
    def num_epochs(self) -> int:
        return len(self.told)

    def matrix(self, epoch: int) -> IntArray:
        """The confusion matrix after an epoch, counted from 1."""
        return scores.confusion(self.labels, self.told[epoch - 1], self.num_classes)

    @cached_property
    def right(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.told == self.labels)  # (epochs, images)

    @cached_property
    def learnt_at(self) -> IntArray:
        return scores.learnt_at(self.told, self.labels)

    @cached_property
    def forgotten(self) -> IntArray:
        return scores.forgotten_counts(self.told, self.labels)

    @cached_property
    def never(self) -> IntArray:
        """Places of the images that no epoch gets right."""
        return np.flatnonzero(scores.never_learnt(self.told, self.labels))

    def most_forgotten(self) -> IntArray:
        """Places of the images that were forgotten at least once, the most often first."""
        places = np.flatnonzero(self.forgotten)
        return places[np.argsort(-self.forgotten[places], kind="stable")]

    def changes(self) -> tuple[IntArray, IntArray]:
        """Images that became right, and that became wrong, after each epoch; before the first none is right."""
        before = np.vstack([np.zeros((1, len(self.labels)), bool), self.right[:-1]])
        return (self.right & ~before).sum(1), (~self.right & before).sum(1)

    def changed_at(self, epoch: int, *, learnt: bool) -> IntArray:
        """Places of the images that became right (or else wrong) after this epoch, counted from 1."""
        now = self.right[epoch - 1]
        before = self.right[epoch - 2] if epoch > 1 else np.zeros_like(now)
        return np.flatnonzero(now & ~before if learnt else ~now & before)


def read_history(run: Run) -> History:
    """Raises ExamineError where it is not there (yet) or cannot be used."""
    told, labels = run.val_classes(), run.predictions("val_labels")
    if told is None or labels is None or not len(told):
        live = run.state() in ("queued", "running")
        raise ExamineError(
            "The history begins with the first epoch."
            if live
            else "This run kept no predictions of its epochs, so there is no history to show."
        )
    classes = run.spec.data.num_classes
    told, labels = told.astype(np.int64), labels.astype(np.int64)
    if labels.shape != told.shape[1:] or told.max() >= classes or not 0 <= labels.min() <= labels.max() < classes:
        raise ExamineError("The stored history is damaged: it does not fit the run's images and classes.")
    return History(told, labels, classes)
