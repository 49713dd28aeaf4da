"""Images that are nearly equal: found by a perceptual hash, and held against one another before they are told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from core.data.decoding import Pixels

VERSION = 1  # of what is kept of it
Hashes = npt.NDArray[np.uint64]

# Of the 64 bits; further apart, one pair of two is of different images (CIFAR-10, looked at by eye).
MAX_DISTANCE = 8
# Of the grey values of a pair: from here on nearly all pairs are one picture, by the same look. Where images of a class
# are alike anyway, as written digits are, it is so many standard deviations above those of random pairs of a class.
LEAST_CORRELATION, DEVIATIONS = 0.9, 5
_SAMPLED = 5000  # random pairs
# Each is held against each: twice as many take four times as long.
MAX_IMAGES = 200_000
_FREQUENCIES = 8
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_CHUNK = 1000
_ROWS = 256


def hash_images(pixels: Pixels) -> Hashes:
    """The perceptual hash of each image (n, s, s, 3): which of its 64 lowest frequencies are above their median.

    pHash (Zauner 2010): a discrete cosine transform of the grey values.
    """
    side = pixels.shape[1]
    angles = np.pi * (2 * np.arange(side)[None] + 1) * np.arange(_FREQUENCIES)[:, None] / (2 * side)
    waves = np.cos(angles).astype(np.float32)  # (8, s)
    found = [np.zeros(0, np.uint64)]
    for start in range(0, len(pixels), _CHUNK):
        grey = pixels[start : start + _CHUNK].astype(np.float32) @ _LUMA  # (chunk, s, s)
        strengths = (waves @ grey @ waves.T).reshape(len(grey), -1)  # (chunk, 64)
        # The first is the mean brightness, of which a copy may have another.
        bits = strengths > np.median(strengths[:, 1:], axis=1, keepdims=True)
        found.append(np.packbits(bits, axis=1).view(">u8")[:, 0].astype(np.uint64))
    return np.concatenate(found)


def find_near(pixels: Pixels, labels: npt.NDArray[np.int64], leave: Iterable[int] = ()) -> list[list[int]]:
    """Groups of indices of images that are nearly equal, each with at least one other of its group.

    `labels` (n,) are their classes. Images at the indices `leave`, as those that are nearly constant, are in none.
    """
    hashes, least = hash_images(pixels), find_least(pixels, labels)
    left = np.setdiff1d(np.arange(len(hashes)), np.fromiter(leave, np.int64))
    groups = _Groups(len(hashes))
    for start in range(0, len(left), _ROWS):
        rows, others = left[start : start + _ROWS], left[start:]
        distances = np.bitwise_count(hashes[rows, None] ^ hashes[None, others])  # (rows, others)
        first, second = np.divmod(np.flatnonzero(distances.ravel() <= MAX_DISTANCE), len(others))
        pairs = np.stack([rows[first], others[second]], axis=1)[second > first]
        for one, other in pairs[_correlate(pixels, pairs) >= least]:
            groups.join(int(one), int(other))
    return groups.listed()


def find_least(pixels: Pixels, labels: npt.NDArray[np.int64]) -> float:
    """The least correlation of a pair that counts as nearly equal in this set."""
    order = np.argsort(labels, kind="stable")
    starts, counts = np.searchsorted(labels[order], labels), np.bincount(labels)[labels]
    generator = np.random.default_rng(0)  # the same answer at every look
    first = generator.integers(0, len(labels), _SAMPLED)
    second = order[starts[first] + generator.integers(0, counts[first])]
    pairs = np.stack([first, second], axis=1)[first != second]
    if len(pairs) < 2:
        return LEAST_CORRELATION
    heights = np.arctanh(_correlate(pixels, pairs).clip(-0.9999, 0.9999))  # nearly normal (Fisher 1915)
    return max(LEAST_CORRELATION, float(np.tanh(heights.mean() + DEVIATIONS * heights.std())))


def _correlate(pixels: Pixels, pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Pearson's correlation of the grey values of each pair (pairs, 2); 0 where one is constant."""
    found = np.zeros(len(pairs), np.float32)
    for start in range(0, len(pairs), _CHUNK):
        some = pairs[start : start + _CHUNK]
        first, second = (_centre(pixels[some[:, side]]) for side in (0, 1))
        norms = np.sqrt((first**2).sum(1) * (second**2).sum(1))
        found[start : start + _CHUNK] = (first * second).sum(1) / np.maximum(norms, 1e-6)
    return found


def _centre(pixels: Pixels) -> npt.NDArray[np.float32]:
    grey = (pixels.astype(np.float32) @ _LUMA).reshape(len(pixels), -1)
    centred: npt.NDArray[np.float32] = grey - grey.mean(1, keepdims=True)
    return centred


class _Groups:
    """Joins indices to groups; the smallest index of a group stands for it."""

    def __init__(self, count: int) -> None:
        self._above = list(range(count))

    def find(self, index: int) -> int:
        while self._above[index] != index:
            self._above[index] = index = self._above[self._above[index]]
        return index

    def join(self, one: int, other: int) -> None:
        first, second = sorted((self.find(one), self.find(other)))
        self._above[second] = first

    def listed(self) -> list[list[int]]:
        found: dict[int, list[int]] = {}
        for index in range(len(self._above)):
            if (root := self.find(index)) != index:
                found.setdefault(root, [root]).append(index)
        return [found[root] for root in sorted(found)]


def without(groups: Sequence[Sequence[int]], known: Sequence[Sequence[int]]) -> list[list[int]]:
    """The groups that are not whole in one of the `known` ones."""
    place = {index: number for number, group in enumerate(known) for index in group}
    return [list(group) for group in groups if len({place.get(index, -1 - index) for index in group}) > 1]
