"""Which images are held out: stratified splits that depend on the labels and a seed, and on nothing else.

Only raw 64-bit words of PCG64 and whole numbers decide, no floats and none of numpy's shuffling methods: numpy promises
the stream of a bit generator for good (NEP 19), but not what `Generator.permutation` makes of it. So a seed gives the
same split on every machine and with every release.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
import numpy.typing as npt

from core.data.store import DataError
from core.spec import DataSpec

Index = npt.NDArray[np.int64]

# Each decision draws from its own stream of the seed, so a change of one share does not move the others.
_TEST, _VALIDATION, _CAP = 0, 1, 2


@dataclass(frozen=True)
class Split:
    """Indices of the images in the whole set, ascending; `test` is empty if the test images come separately."""

    train: Index
    val: Index
    test: Index


def share_out(counts: Sequence[int], total: int, room: Sequence[int]) -> list[int]:
    """Divides `total` over classes in proportion to `counts`, by largest remainder, with at most `room` for each."""
    images = max(sum(counts), 1)
    total = min(total, sum(room))
    shares = [min(count * total // images, space) for count, space in zip(counts, room, strict=True)]
    by_remainder = sorted(range(len(counts)), key=lambda index: (-(counts[index] * total % images), index))
    for index in cycle(by_remainder):
        if sum(shares) >= total:
            return shares
        if shares[index] < room[index]:
            shares[index] += 1
    return shares


def hold_out(counts: Sequence[int], fraction: float) -> list[int]:
    """Images of each class to hold out; every class keeps at least one for training.

    Raises `DataError` if nothing can be held out.
    """
    room = [max(count - 1, 0) for count in counts]
    if not sum(room):
        raise DataError("There are too few images to hold some out: at least one class needs two images or more.")
    return share_out(counts, max(round(sum(counts) * fraction), 1), room)


@dataclass(frozen=True)
class Sizes:
    """Images in each part."""

    train: int
    val: int
    test: int


def count_parts(spec: DataSpec, counts: Sequence[int], num_test: int | None) -> Sizes:
    """Images after all splits and the cap, from the number of images of each class.

    `num_test` is the number of the set's own test images, None if it has none.
    """
    held = []
    for fraction in [spec.test_fraction, spec.val_fraction][num_test is not None :]:
        shares = hold_out(counts, fraction)
        held.append(sum(shares))
        counts = [count - share for count, share in zip(counts, shares, strict=True)]
    if spec.max_train_images:
        counts = share_out(counts, spec.max_train_images, counts)
    return Sizes(sum(counts), held[-1], held[0] if num_test is None else num_test)


def split(spec: DataSpec, labels: Index, num_classes: int, *, has_test: bool) -> Split:
    """Test (unless it comes separately), then validation, then the cap on what is left; each stratified.

    `labels`: (n,), 0-based classes.
    """
    rest, test = np.arange(len(labels)), np.arange(0)
    if not has_test:
        rest, test = _divide(rest, labels, num_classes, spec.test_fraction, spec.split_seed, _TEST)
    train, val = _divide(rest, labels, num_classes, spec.val_fraction, spec.split_seed, _VALIDATION)
    if spec.max_train_images:
        counts = _count(labels[train], num_classes)
        train = _choose(train, labels, share_out(counts, spec.max_train_images, counts), spec.split_seed, _CAP)
    return Split(train, val, test)


def _count(labels: Index, num_classes: int) -> list[int]:
    return [int(count) for count in np.bincount(labels, minlength=num_classes)]


def _divide(
    indices: Index, labels: Index, num_classes: int, fraction: float, seed: int, stream: int
) -> tuple[Index, Index]:
    held = _choose(indices, labels, hold_out(_count(labels[indices], num_classes), fraction), seed, stream)
    return np.setdiff1d(indices, held, assume_unique=True), held


def _choose(indices: Index, labels: Index, shares: Sequence[int], seed: int, stream: int) -> Index:
    """`shares[c]` of the indices of each class c, drawn at random, ascending."""
    keys = np.random.PCG64([seed, stream]).random_raw(len(labels))
    order = indices[np.argsort(keys[indices], kind="stable")]
    return np.sort(np.concatenate([order[labels[order] == label][:share] for label, share in enumerate(shares)]))
