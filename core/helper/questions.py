"""What a page may ask about a trained network and single images, and what is answered. No torch on this side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from core.runs.records import WeightsName
from core.system.errors import LabError

Part = Literal["train", "val", "test"]


class QuestionError(LabError):
    """A question that cannot be answered.

    Errors of the engine end as this one: they belong to modules that import torch, and so would whoever received them.
    """


@dataclass(frozen=True)
class WeightsFile:
    """A checkpoint that may be trusted by its SHA-256, with the spec of its run and which of its weights are meant."""

    spec_json: str
    path: str
    sha256: str
    which: WeightsName


@dataclass(frozen=True)
class Picture:
    """One image: the one at `index` of a part of the data set, or, if there are `content` bytes, one's own file."""

    part: Part = "val"
    index: int = 0
    content: bytes = b""


@dataclass(frozen=True)
class Answer:
    """What a network says of one image.

    `pixels` (size, size, 3) uint8 is what it was shown, `probabilities` (classes,), `heat` (size, size) from 0 to 1 is
    its Grad-CAM for class `target`, all 0 where nothing speaks for that class; `label` is None for one's own images.
    """

    pixels: npt.NDArray[np.uint8]
    probabilities: npt.NDArray[np.float64]
    heat: npt.NDArray[np.float32]
    target: int
    label: int | None


@dataclass(frozen=True)
class Piece:
    """Logits (images, classes) float32 and labels (images,) int64 of some images; `total` counts those of the part."""

    logits: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    total: int

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Member:
    """One network of those that answer together, with what its training images were scaled by.

    `mean` and `std` are from 0 to 1; `grey_scales` are those of grey values of more than eight bits, by their type.
    """

    weights: WeightsFile
    mean: tuple[float, ...]
    std: tuple[float, ...]
    grey_scales: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class OwnPiece:
    """What networks say of some images that have no labels.

    `probabilities` (images, classes), `energies` and `distances` (images,) are NaN where an image cannot be read;
    `faults` says why, by index; `total` counts all images. Distances to the training's images are NaN, or there are
    none, where these are not at hand.
    """

    probabilities: npt.NDArray[np.float64]
    energies: npt.NDArray[np.float64]
    faults: dict[int, str]
    total: int
    distances: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    def __len__(self) -> int:
        return len(self.energies)


@dataclass(frozen=True)
class SpoiltPiece:
    """Which answers to spoiled images are right, (n,) bool, for one way to spoil them.

    `images` are looked at in each of the ways; `total` counts all answers of all ways.
    """

    right: npt.NDArray[np.bool_]
    images: int
    total: int

    def __len__(self) -> int:
        return len(self.right)
