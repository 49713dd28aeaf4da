"""One run in detail: its stored predictions, and the numbers that a page shows of them.

No torch: what is not stored is predicted by the helper process (`core.examine.predicting`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from core.data.class_numbers import number_by_name
from core.examine.weights import ExamineError, Weights
from core.runs import layout, results
from core.runs.folder import Run
from core.stats import calibration, scores
from core.stats.calibration import ReliabilityBins
from core.stats.scores import Accuracy, FloatArray, IntArray, PerClass
from core.text.formats import format_percent
from core.text.words import list_first

Split = Literal["val", "test"]
SPLITS: dict[Split, str] = {"val": "Validation", "test": "Test"}
TOP_KS = (1, 2, 3, 5)
_NAMED = 5
STORED = ("val_last", "val_best", "test_best", "test_last")  # what a worker leaves behind


@dataclass(frozen=True)
class Predicted:
    """Logits (images, classes) and labels (images,) of one split, in the order of the data set."""

    logits: FloatArray
    labels: IntArray

    @cached_property
    def probabilities(self) -> FloatArray:
        return scores.softmax(self.logits)  # (images, classes)

    @cached_property
    def predicted(self) -> IntArray:
        """The predicted class of each image, (images,); equal logits go to the lower class."""
        return np.asarray(self.logits.argmax(1), np.int64)

    @cached_property
    def confidence(self) -> FloatArray:
        """Confidence: the largest of each image's probabilities, (images,)."""
        return np.asarray(self.probabilities.max(1))

    @property
    def correct(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.predicted == self.labels)


def check_predicted(logits: npt.ArrayLike | None, labels: npt.ArrayLike | None, classes: int) -> Predicted:
    """Raises ExamineError if the two do not fit each other or the run."""
    if logits is None or labels is None:
        raise ExamineError("These predictions are not in the run's folder.")
    try:
        values = scores.check_logits(logits)
        if values.shape[1] != classes:
            raise ValueError(f"{values.shape[1]} classes, but the run has {classes}")
        return Predicted(values, scores.check_labels(labels, values))
    except (ValueError, TypeError) as error:
        raise ExamineError(f"The predictions cannot be used: {error}.") from None


def read_stored(run: Run, weights: Weights, split: Split) -> Predicted | None:
    """The predictions that the worker stored at the end; None if it stored none of these weights on this split.

    Raises ExamineError if they are damaged, and for test predictions of a run that has not reached its end.
    """
    check_split(run, weights, split)
    name = f"{split}_{weights.key}"
    if name not in STORED:
        return None
    logits = run.predictions(name)
    if logits is None and (run.path / layout.PREDICTIONS / f"{name}.npy").exists():
        raise ExamineError(f"The stored predictions {name}.npy are damaged and cannot be read.")
    if logits is None:
        return None
    return check_predicted(logits, run.predictions(f"{split}_labels"), run.spec.data.num_classes)


def explain_difference(run: Run, weights: Weights, accuracy: float) -> str:
    """How an accuracy on validation, predicted again here, differs from the one the run was trained with; or ""."""
    if weights.file is None or "stopped" in weights.file.name:
        return ""  # weights from within an epoch have no figure of the run's
    measured = next((row.get("val/accuracy") for row in run.rows() if row.get("epoch") == weights.epoch), None)
    if measured is None or measured == accuracy:
        return ""
    return f"the training measured {format_percent(measured)}, on its own device"


def check_split(run: Run, weights: Weights, split: Split) -> None:
    """Raises ExamineError where no images were held out to validate on.

    And if test images would be looked at before, or otherwise than, at the training's end.
    """
    if split == "val" and not run.has_validation:
        raise ExamineError("No images were held out to validate on.")
    if split != "test":
        return
    if weights.key not in ("best", "last"):
        raise ExamineError("On test only the best and the last weights are measured, once, at the end.")
    if not (run.path / layout.PREDICTIONS / f"test_{weights.key}.npy").exists():
        raise ExamineError(_explain_no_test(run))


def list_splits(run: Run) -> dict[Split, str]:
    """The splits that the run has images of, with their titles."""
    return {split: title for split, title in SPLITS.items() if split != "val" or run.has_validation}


def count_images(run: Run, split: Split) -> int:
    """How many images a split has. Raises ExamineError if the run does not say."""
    count = results.count_images(run, split)
    if not count:
        raise ExamineError("The run does not say how many images it has.")
    return count


def _explain_no_test(run: Run) -> str:
    once = "The test images are looked at once, when training has reached its end"
    if run.state() in ("queued", "running"):
        return f"{once}; this run is not there yet."
    if run.summary().is_untested:
        return "The test images of this run were not looked at. Test on the run's page does so."
    return f"{once}; this run {'has no predictions of it' if run.state() == 'finished' else 'did not reach it'}."


def name_classes(run: Run) -> list[str]:
    """The classes as the worker found them; their numbers if it noted none."""
    count = run.spec.data.num_classes
    names = run.environment().get("class_names")
    if isinstance(names, list) and len(names) == count:
        return [str(name) for name in names]
    return [str(number) for number in range(count)]


def number_classes(run: Run) -> list[int]:
    """The number that the run's set gives each class; of runs that did not note it, as the names tell."""
    numbers = run.environment().get("class_numbers")
    if isinstance(numbers, list) and len(numbers) == run.spec.data.num_classes:
        return [int(number) for number in numbers]
    return list(number_by_name(name_classes(run)))


@dataclass(frozen=True)
class Figures:
    """The figures of predictions: shares 0 to 1, `loss` the mean cross-entropy, `matrix` (true, predicted)."""

    accuracy: Accuracy
    loss: float
    top: dict[int, float]
    matrix: IntArray
    classes: PerClass


def work_out(predicted: Predicted) -> Figures:
    """Accuracy with its interval, loss, top-k, confusion matrix and figures of each class."""
    count = predicted.logits.shape[1]
    matrix = scores.confusion(predicted.labels, predicted.predicted, count)
    top = scores.top_k(predicted.logits, predicted.labels, [k for k in TOP_KS if k < count])
    return Figures(
        scores.accuracy(predicted.labels, predicted.predicted),
        calibration.nll(predicted.logits, predicted.labels),
        top,
        matrix,
        scores.per_class(matrix),
    )


@dataclass(frozen=True)
class Reliability:
    """How well confidence predicts being right; `ece` is 0 to 1, `nll` the mean cross-entropy."""

    bins: ReliabilityBins
    ece: float
    nll: float


def measure_reliability(predicted: Predicted, temperature: float = 1.0) -> Reliability:
    """Reliability of the predictions at a temperature (Guo et al. 2017)."""
    scaled = calibration.apply_temperature(predicted.logits, temperature)
    confidence = np.clip(scores.softmax(scaled).max(1), 0, 1)
    return Reliability(
        calibration.reliability_bins(confidence, predicted.correct),
        calibration.expected_calibration_error(confidence, predicted.correct),
        calibration.nll(scaled, predicted.labels),
    )


def explain_temperature(split: Split, temperature: float) -> str:
    """What the fitted temperature says about the model, and how fair this split's figures are."""
    direction = "overconfident" if temperature > 1.005 else "underconfident"
    about = f"The model is {direction}." if abs(temperature - 1) > 0.005 else "The model needs no scaling."
    where = (
        "It is shown on the images it was fitted on, which flatters it a little: look at Test for a fair figure."
        if split == "val"
        else "The test images had no part in it."
    )
    return (
        f"{about} Dividing the logits by one temperature, fitted on validation only, changes its confidence and no "
        f"answer (Guo et al. 2017; 15 bins). {where}"
    )


def explain_means(classes: PerClass, names: Sequence[str]) -> str:
    """The means over the classes that have images, and which have none."""
    means = scores.mean_over_classes(classes)
    absent = [name for name, images in zip(names, classes.support, strict=True) if not images]
    shares = {"precision": means.precision, "recall": means.recall, "F1": means.f1}
    told = ", ".join(f"{name} {format_percent(share, 1)}" for name, share in shares.items())
    left_out = f" Left out, because without images: {list_first(absent, _NAMED)}." if absent else ""
    return f"Means over classes: {told}.{left_out}"


def find_mistakes(predicted: Predicted) -> IntArray:
    """Indices of the wrong images, those of the highest confidence first."""
    wrong = np.flatnonzero(~predicted.correct)
    return wrong[np.argsort(-predicted.confidence[wrong], kind="stable")]


def find_cell(
    labels: IntArray, predicted: IntArray, cell: tuple[int, int], confidence: FloatArray | None = None
) -> IntArray:
    """Indices of the images in a cell (true, predicted) of the confusion matrix; most confident first, if known."""
    true_class, predicted_class = cell
    indices = np.flatnonzero((labels == true_class) & (predicted == predicted_class))
    return indices if confidence is None else indices[np.argsort(-confidence[indices], kind="stable")]
