"""Where two runs, or two groups of seeds, disagree: the test images that one side gets right and the other wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.compare.units import Unit
from core.compare.verdicts import NoPredictionsError, Predictions, collect_predictions, share_images
from core.runs.records import WeightsName
from core.stats.scores import FloatArray, IntArray


@dataclass(frozen=True)
class Side:
    """What the seeds of a run or group say of the test images, (images,) each.

    `predicted` is a class, `voters` how many seeds say it, `confidence` their mean; `right` of the seeds are right.
    """

    predicted: IntArray
    voters: IntArray
    confidence: FloatArray
    right: IntArray
    num_seeds: int


@dataclass(frozen=True)
class Disagreement:
    """The test images that more than half of one side's seeds get right and less than half of the other's.

    Those first on which the two sides are furthest apart, of equals those on which both are surest.
    """

    places: IntArray  # in the test set
    labels: IntArray
    right: Side
    wrong: Side
    remarks: tuple[str, ...]  # why predictions of some seeds are missing


def find_disagreement(right: Unit, wrong: Unit, weights: WeightsName) -> Disagreement:
    """Raises NoPredictionsError with a sentence if the two cannot be compared."""
    (a, missing_a), (b, missing_b) = collect_predictions(right, weights), collect_predictions(wrong, weights)
    for found, missing in ((a, missing_a), (b, missing_b)):
        if not found:
            raise NoPredictionsError(missing[0])
    if not share_images([*a, *b]):
        raise NoPredictionsError(f"{right.name} and {wrong.name} were tested on different images.")
    labels = next(iter(a.values())).labels
    ours, theirs = _sum_up(list(a.values()), mistaken=False), _sum_up(list(b.values()), mistaken=True)
    agreed, failed = ours.right / ours.num_seeds, 1 - theirs.right / theirs.num_seeds
    places = np.flatnonzero((agreed > 0.5) & (failed > 0.5))
    apart, confidence = np.minimum(agreed, failed)[places], np.minimum(ours.confidence, theirs.confidence)[places]
    return Disagreement(places[np.lexsort((-confidence, -apart))], labels, ours, theirs, (*missing_a, *missing_b))


def _sum_up(seeds: Sequence[Predictions], *, mistaken: bool) -> Side:
    """The right answer of a side, or else the wrong one that most of its seeds give, of equals the surer one."""
    labels, predicted = seeds[0].labels, np.stack([each.predicted for each in seeds])  # (images,), (seeds, images)
    confidence, hits = np.stack([each.confidence for each in seeds]), predicted == labels
    right = hits.sum(0)
    if not mistaken:
        return Side(labels, right, np.where(hits, confidence, 0).sum(0) / np.maximum(right, 1), right, len(seeds))
    # What each seed says, by how many and how surely: (seeds, images).
    voters = np.array([(predicted == own).sum(0) for own in predicted])
    mean = np.array([np.where(predicted == own, confidence, 0).sum(0) for own in predicted]) / voters
    # A confidence is at most 1: one voter more outweighs it.
    chosen = np.where(hits, -1.0, voters + mean / 2).argmax(0)[None]  # (1, images)
    wrong, count, mean_confidence = (np.take_along_axis(each, chosen, 0)[0] for each in (predicted, voters, mean))
    return Side(wrong, count, mean_confidence, right, len(seeds))
