"""Events that a training yields and errors that it raises; free of torch, so that any process can read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from core.system.errors import LabError

Phase = Literal["train", "validate", "test"]
Metrics = dict[str, float | int]


class TrainingError(LabError):
    """Why a training cannot go on; the message says what to try."""

    def __init__(self, kind: Literal["nan", "out_of_memory", "batch_norm", "no_validation"], message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Started:
    """The network is on its device; `epoch` counts the epochs already done, above 0 after a resume."""

    device: str
    device_name: str
    precision: str
    parameters: int
    updates_per_epoch: int
    epoch: int
    threads: int  # of the CPU: another number of them rounds sums differently
    notes: tuple[str, ...] = ()  # how a resumed training differs from one without the interruption


@dataclass(frozen=True)
class Pace:
    """Images that this process has trained on, or scored, in so many seconds; each view of an image counts.

    A smaller image counts for as much of a full one as it costs.
    """

    images: float = 0
    seconds: float = 0.0

    def plus(self, images: float, seconds: float) -> Pace:
        return Pace(self.images + images, self.seconds + seconds)


@dataclass(frozen=True)
class Work:
    """What was done and how many images are left: those of the looks at the test part too, but for an early stop.

    `away` are the seconds in which the process stood still; they are in neither pace.
    """

    trained: Pace
    scored: Pace
    left_to_train: float
    left_to_score: int
    away: float = 0.0


@dataclass(frozen=True)
class StepPoint:
    """What a training has seen after update `step`: sums from its first image on, each as often as it was seen."""

    step: int
    epochs: float
    seconds: float
    images: int
    loss: float
    right: float  # answers, as the training's accuracy counts them


@dataclass(frozen=True)
class Progress:
    """Where the training is, at most twice a second; `step` of `steps` counts batches of this phase.

    `loss` is the mean over the images of this epoch so far, or None outside training; `points` are those since the last
    event that had any.
    """

    epoch: int
    step: int
    steps: int
    loss: float | None
    images_per_second: float
    phase: Phase = "train"
    work: Work | None = None
    points: tuple[StepPoint, ...] = ()


@dataclass(frozen=True)
class EpochEnd:
    """One epoch's figures, the validation logits (images, classes) in float32, and the state to resume from.

    Without validation images there are none of their figures, no logits, and no best epoch.

    `state` is a copy, made for `checkpoint.save`; `state["best"]` has the best weights so far.
    """

    epoch: int
    metrics: Metrics
    val_logits: np.ndarray
    is_best: bool
    state: dict[str, Any]
    work: Work | None = None
    points: tuple[StepPoint, ...] = ()


@dataclass(frozen=True)
class Stopped:
    """`should_stop()` returned true; the state is exact anywhere in an epoch."""

    state: dict[str, Any]
    points: tuple[StepPoint, ...] = ()


@dataclass(frozen=True)
class Finished:
    """The end: the test images were looked at once, by the last weights and by the best on validation, or not at all.

    `predictions` holds logits (images, classes) in float32: "val_last", "val_best" and, if tested, "test_last" and
    "test_best". Those of validation are the ones that the epochs' figures are of. Without validation images only
    "test_last" is there.
    """

    metrics: Metrics
    reason: Literal["epochs", "early_stopping", "goal"]
    predictions: dict[str, np.ndarray]


Event = Started | Progress | EpochEnd | Stopped | Finished
