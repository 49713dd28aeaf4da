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
    """Indices of the images in the whole set, ascending."""

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


def count_parts(spec: DataSpec, counts: Sequence[int], num_test: int | None, num_val: int | None = None) -> Sizes:
    """Images after all splits and the cap, from the number of training images of each class.

    `num_test` and `num_val` are the numbers of the set's own test and validation images, None if it has none.
    """
    held = []
    for own, fraction in ((num_test, spec.test_fraction), (num_val, spec.val_fraction)):
        if own is None and not fraction:
            own = 0
        if own is None:
            shares = hold_out(counts, fraction)
            counts = [count - share for count, share in zip(counts, shares, strict=True)]
            own = sum(shares)
        held.append(own)
    train = _cap_train(spec, sum(counts))
    test, val = (_cap_held(spec, number, train, sum(counts)) for number in held)
    return Sizes(train, val, test)


def _cap_train(spec: DataSpec, images: int) -> int:
    return min(images, spec.max_train_images) if spec.max_train_images else images


def _cap_held(spec: DataSpec, images: int, train: int, train_before: int) -> int:
    """As many of a held-out part as keep its proportion to the capped training part, but one at least."""
    return max(_round_half_up(images * train, train_before), 1) if spec.cap_held_out and images else images


def _round_half_up(number: int, divisor: int) -> int:
    return (2 * number + divisor) // (2 * divisor)


def split(spec: DataSpec, labels: Index, num_classes: int, *, num_test: int = 0, num_val: int = 0) -> Split:
    """Test and then validation, unless they come separately, and the cap on what is left; each stratified.

    `labels`: (n,), 0-based classes of all images; the last `num_test` of them are the set's own test images, the
    `num_val` before them its own validation images.
    """
    train, val, test = np.split(np.arange(len(labels)), [len(labels) - num_val - num_test, len(labels) - num_test])
    if not num_test:
        train, test = _divide(train, labels, num_classes, spec.test_fraction, spec.split_seed, _TEST)
    if not num_val and spec.val_fraction:
        train, val = _divide(train, labels, num_classes, spec.val_fraction, spec.split_seed, _VALIDATION)
    before, after = len(train), _cap_train(spec, len(train))
    return Split(
        _take(train, labels, num_classes, after, spec.split_seed),
        *(
            _take(part, labels, num_classes, _cap_held(spec, len(part), after, before), spec.split_seed)
            for part in (val, test)
        ),
    )


def split_others(
    spec: DataSpec, labels: Index, num_classes: int, gone: Index, *, num_test: int = 0, num_val: int = 0
) -> Split:
    """As `split`, of all images but those at the indices `gone`. Raises `DataError` where nothing is left of a part."""
    if not len(gone):
        return split(spec, labels, num_classes, num_test=num_test, num_val=num_val)
    left = np.setdiff1d(np.arange(len(labels)), gone)
    first_val, first_test = len(labels) - num_test - num_val, len(labels) - num_test
    own_test, own_val = int((left >= first_test).sum()), int(((left >= first_val) & (left < first_test)).sum())
    for name, before, after in (("test", num_test, own_test), ("validation", num_val, own_val)):
        if before and not after:
            raise DataError(f"data.without leaves no {name} image.")
    empty = np.flatnonzero(np.bincount(labels[left[left < first_val]], minlength=num_classes) == 0)
    if len(empty):
        raise DataError(f"data.without leaves no image of the class {empty[0]} (counted from 0) to train on.")
    found = split(spec, labels[left], num_classes, num_test=own_test, num_val=own_val)
    return Split(left[found.train], left[found.val], left[found.test])


def _take(part: Index, labels: Index, num_classes: int, number: int, seed: int) -> Index:
    """So many of a part's images, all classes in proportion."""
    if number == len(part):
        return part
    counts = _count(labels[part], num_classes)
    return _choose(part, labels, share_out(counts, number, counts), seed, _CAP)


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
