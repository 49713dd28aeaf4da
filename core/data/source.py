"""What the reader of a data set returns: all of its images and labels, in a fixed order."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.data.cache import Fault
from core.data.decoding import Pixels
from core.data.shades import Scales


@dataclass(frozen=True)
class Source:
    """All images (n, h, w, 3) with labels (n,).

    The last `num_test` are the set's own test images, if it has any, and the `num_val` before them its own for
    validation. `names` are those of files below a folder; without any, images are named by their index.
    `class_numbers` are the set's own; without any, they go by the names of the classes.
    """

    images: Pixels
    labels: npt.NDArray[np.int64]
    num_test: int
    class_names: tuple[str, ...]
    digest: str
    num_val: int = 0
    left_out: tuple[Fault, ...] = ()
    scales: Scales | None = None
    names: Sequence[str] = ()
    class_numbers: tuple[int, ...] = ()


def find_images(names: Sequence[str], count: int, wanted: Collection[str]) -> npt.NDArray[np.int64]:
    """The indices of the images with the `wanted` names among `count`, ascending; what has another name is passed over.

    `names` as in `Source`.
    """
    if not wanted:
        return np.zeros(0, np.int64)
    chosen = frozenset(wanted)
    return np.array([index for index, name in enumerate(names or map(str, range(count))) if name in chosen], np.int64)
