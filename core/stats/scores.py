"""How one model sorts its images: accuracy, classes, top-k, and what it learnt and forgot over the epochs.

Arrays in, numbers out. Labels and predictions are class numbers, (images,); logits are (images, classes). numpy alone
does it: `sklearn.metrics` has the same figures and is what the tests hold them to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from core.stats.significance import CONFIDENCE, Interval

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Accuracy:
    """Share of right images with the 95 % interval of its sampling error: how far other images might move it."""

    value: float
    interval: Interval
    num_right: int
    num_images: int


@dataclass(frozen=True)
class PerClass:
    """One entry a class, (classes,); NaN if nothing defines it: a class never predicted has no precision."""

    precision: FloatArray
    recall: FloatArray
    f1: FloatArray
    support: IntArray  # images of this class


@dataclass(frozen=True)
class ClassMeans:
    """Unweighted ("macro") means over the classes that have images; NaN where there are none."""

    precision: float
    recall: float
    f1: float


def accuracy(labels: npt.ArrayLike, predictions: npt.ArrayLike) -> Accuracy:
    """Accuracy with Wilson's (1927) score interval, which also holds near 0 and 1. ValueError without images."""
    right, given = np.asarray(predictions), np.asarray(labels)
    _check_pair(given, right)
    n, hits = given.size, int((given == right).sum())
    value = hits / n
    z = float(special.ndtri((1 + CONFIDENCE) / 2))
    middle = (value + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * (value * (1 - value) / n + z * z / (4 * n * n)) ** 0.5
    # At none or all right the end is exactly 0 or 1, which rounding could miss to the wrong side.
    interval = Interval(0.0 if hits == 0 else middle - reach, 1.0 if hits == n else middle + reach)
    return Accuracy(value, interval, hits, n)


def confusion(labels: npt.ArrayLike, predictions: npt.ArrayLike, num_classes: int) -> IntArray:
    """Counts of images, (true class, predicted class). ValueError names a class outside 0 to num_classes - 1."""
    # Predictions are kept as bytes: a byte times the number of classes would overflow.
    given, predicted = np.asarray(labels).astype(np.int64), np.asarray(predictions).astype(np.int64)
    _check_pair(given, predicted)
    for what, classes in (("labels", given), ("predictions", predicted)):
        _check_classes(what, classes, num_classes)
    cells = np.bincount(given * num_classes + predicted, minlength=num_classes**2)
    return cells.reshape(num_classes, num_classes)  # (true, predicted)


def per_class(matrix: npt.ArrayLike) -> PerClass:
    """Precision, recall, F1 and support of every class from a matrix of `confusion`."""
    counts = np.asarray(matrix, np.int64)  # (true, predicted)
    hits, support, predicted = np.diag(counts), counts.sum(1), counts.sum(0)
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN: not defined, and shown as such
        return PerClass(hits / predicted, hits / support, 2 * hits / (predicted + support), support)


def mean_over_classes(found: PerClass) -> ClassMeans:
    """Macro averages, each over the same classes: those with images. One of them never predicted has precision 0.

    As `sklearn.metrics.precision_recall_fscore_support(labels=<those classes>, average="macro", zero_division=0)`.
    """
    present = found.support > 0
    if not present.any():
        return ClassMeans(np.nan, np.nan, np.nan)
    precision = np.nan_to_num(found.precision[present], nan=0.0)
    return ClassMeans(float(precision.mean()), float(found.recall[present].mean()), float(found.f1[present].mean()))


def softmax(logits: npt.ArrayLike) -> FloatArray:
    """Probabilities of stored logits, (images, classes). Widened first: older runs' float16 overflows at exp(11.1)."""
    return np.asarray(special.softmax(check_logits(logits), axis=1))


def top_k(logits: npt.ArrayLike, labels: npt.ArrayLike, ks: Sequence[int] = (1, 5)) -> dict[int, float]:
    """For every k, the share of images whose class is among the k largest logits.

    Equal logits rank by class number, as argmax does: top-1 is exactly the accuracy of the argmax.
    """
    values = check_logits(logits)
    classes = check_labels(labels, values)
    own = np.take_along_axis(values, classes[:, None], axis=1)  # (images, 1)
    before = (values == own) & (np.arange(values.shape[1]) < classes[:, None])
    ranks = ((values > own) | before).sum(1)  # (images,), 0 is the top
    return {k: float((ranks < k).mean()) for k in ks}


def learnt_at(predictions: npt.ArrayLike, labels: npt.ArrayLike) -> IntArray:
    """The first epoch, counted from 1, that gets each image right, (images,); 0 if none does.

    `predictions` is (epochs, images); the first learning event of Toneva et al. (2019), here at the end of epochs.
    """
    right = _rightness(predictions, labels)
    return np.where(right.any(0), right.argmax(0) + 1, 0)


def forgotten_counts(predictions: npt.ArrayLike, labels: npt.ArrayLike) -> IntArray:
    """Forgetting events of each image, (images,): right after one epoch, wrong after the next (Toneva et al. 2019).

    An image that is learnt and has none is unforgettable in their words; one never learnt also has none.
    """
    right = _rightness(predictions, labels)
    return np.asarray((right[:-1] & ~right[1:]).sum(0), np.int64)


def never_learnt(predictions: npt.ArrayLike, labels: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Mask of the images that no epoch gets right: the hardest, or wrongly labelled."""
    return np.asarray(~_rightness(predictions, labels).any(0))


def _rightness(predictions: npt.ArrayLike, labels: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    history, given = np.asarray(predictions), np.asarray(labels)  # (epochs, images), (images,)
    if history.ndim != 2 or history.shape[0] == 0 or given.shape != history.shape[1:]:
        raise ValueError(f"predictions {history.shape} must be (epochs, images), for labels {given.shape}")
    return np.asarray(history == given)


def check_logits(logits: npt.ArrayLike) -> FloatArray:
    """Logits as float64, (images, classes); ValueError if they cannot be scored."""
    values = np.asarray(logits, np.float64)
    if values.ndim != 2 or values.size == 0:
        raise ValueError(f"logits {values.shape}: must be (images, classes), with at least one of each")
    if not np.isfinite(values).all():
        raise ValueError("logits: some are not finite; the training has diverged")
    return values


def check_labels(labels: npt.ArrayLike, logits: FloatArray) -> IntArray:
    """Labels as int64, (images,), one for each row of the logits; ValueError if they do not fit."""
    classes = np.asarray(labels).astype(np.int64)
    if classes.shape != logits.shape[:1]:
        raise ValueError(f"{classes.size:,} labels for the logits of {logits.shape[0]:,} images")
    _check_classes("labels", classes, logits.shape[1])
    return classes


def _check_pair(labels: np.ndarray, predictions: np.ndarray) -> None:
    if labels.shape != predictions.shape or labels.ndim != 1 or labels.size == 0:
        shapes = f"labels {labels.shape} and predictions {predictions.shape}"
        raise ValueError(f"{shapes}: one of each is needed for every image")


def _check_classes(what: str, classes: IntArray, num_classes: int) -> None:
    outside = classes[(classes < 0) | (classes >= num_classes)]
    if outside.size:
        raise ValueError(f"{what}: class {outside[0]} is not one of 0 to {num_classes - 1}")
