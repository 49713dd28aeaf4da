"""What a network learnt and forgot: the class it predicted for each validation image after each epoch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from core.examine.weights import ExamineError
from core.runs.folder import Run
from core.stats import scores
from core.stats.scores import IntArray


@dataclass(frozen=True)
class History:
    """The class predicted for each validation image after each epoch, (epochs, images), and the labels (images,)."""

    predicted: IntArray
    labels: IntArray
    num_classes: int

    @property
    def num_epochs(self) -> int:
        return len(self.predicted)

    def matrix(self, epoch: int) -> IntArray:
        """The confusion matrix after an epoch, counted from 1."""
        return scores.confusion(self.labels, self.predicted[epoch - 1], self.num_classes)

    @cached_property
    def right(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.predicted == self.labels)  # (epochs, images)

    @cached_property
    def learnt_at(self) -> IntArray:
        return scores.learnt_at(self.predicted, self.labels)

    @cached_property
    def forgotten(self) -> IntArray:
        return scores.forgotten_counts(self.predicted, self.labels)

    @cached_property
    def never(self) -> IntArray:
        """Indices of the images that no epoch gets right."""
        return np.flatnonzero(scores.never_learnt(self.predicted, self.labels))

    def most_forgotten(self) -> IntArray:
        """Indices of the images that were forgotten at least once, the most often first."""
        indices = np.flatnonzero(self.forgotten)
        return indices[np.argsort(-self.forgotten[indices], kind="stable")]

    def changes(self) -> tuple[IntArray, IntArray]:
        """Images that became right, and that became wrong, after each epoch; before the first none is right."""
        before = np.vstack([np.zeros((1, len(self.labels)), bool), self.right[:-1]])
        return (self.right & ~before).sum(1), (~self.right & before).sum(1)

    def changed_at(self, epoch: int, *, learnt: bool) -> IntArray:
        """Indices of the images that became right (or else wrong) after this epoch, counted from 1."""
        now = self.right[epoch - 1]
        before = self.right[epoch - 2] if epoch > 1 else np.zeros_like(now)
        return np.flatnonzero(now & ~before if learnt else ~now & before)


def read_history(run: Run) -> History:
    """Raises ExamineError if there is none (yet), or if it cannot be used."""
    if not run.has_validation:
        raise ExamineError("No images were held out, and the history is one of validation images.")
    predicted, labels = run.val_classes(), run.predictions("val_labels")
    if predicted is None or labels is None or not len(predicted):
        live = run.state() in ("queued", "running")
        raise ExamineError(
            "The history begins with the first epoch."
            if live
            else "This run kept no predictions of its epochs, so there is no history to show."
        )
    classes = run.spec.data.num_classes
    if labels.dtype.kind not in "iu":
        raise ExamineError("The stored history is damaged: its labels are no classes.")
    predicted, labels = predicted.astype(np.int64), labels.astype(np.int64)
    if labels.shape != predicted.shape[1:] or labels.min() < 0 or max(labels.max(), predicted.max()) >= classes:
        raise ExamineError("The stored history is damaged: it does not fit the run's images and classes.")
    return History(predicted, labels, classes)
