"""Rules about the images: labels, classes, how many are held out, and whether the test images were seen before."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from core.compare.lines import Mark
from core.doctor.observed import IntArray, Observed
from core.doctor.rule import Fix, Found
from core.stats.scores import accuracy, confusion, never_learnt, per_class
from core.text.formats import format_percent

LEARNT_EPOCHS, KNOWING = 8, 0.8  # before that, or with less accuracy, an image not learnt says little
SETTLED_EPOCHS, SETTLED = 4, 0.02  # accuracy has moved by less
FEWEST_WRONG, WRONG_SHARE = 3, 0.04
UNBALANCED = 5.0  # images of the largest class for each of the smallest
WIDE, HALF_RIGHT = 0.05, 0.5  # half of the 95 % interval of the validation accuracy
WANTED = 0.01  # the difference that people look for
SURE = 1e-4


def lack_history(observed: Observed) -> str:
    if observed.predicted is None or observed.labels is None:
        return "needs the classes predicted for validation images, which were not kept"
    return "" if len(observed.predicted) >= LEARNT_EPOCHS else f"needs {LEARNT_EPOCHS} epochs"


def lack_labels(observed: Observed) -> str:
    return "" if observed.labels is not None else "needs the labels of validation images, which were not kept"


def find_suspects(observed: Observed) -> IntArray:
    """Validation images that no epoch got right, and that the later half of the epochs all gave one other class."""
    assert observed.predicted is not None
    assert observed.labels is not None
    later = observed.predicted[len(observed.predicted) // 2 :]
    agreed = (later == later[0]).all(0)
    return np.flatnonzero(never_learnt(observed.predicted, observed.labels) & agreed)


def see_wrong_labels(observed: Observed) -> Found | None:
    """Images that a network which knows the others never learnt, and always gives the same other class."""
    if lack_history(observed):
        return None
    assert observed.labels is not None
    right = observed.column("val/accuracy")
    suspects, images = find_suspects(observed), len(observed.labels)
    settled = np.ptp(right[-SETTLED_EPOCHS:]) <= SETTLED
    if not settled or right[-1] < KNOWING or len(suspects) < max(FEWEST_WRONG, WRONG_SHARE * images):
        return None
    epochs = observed.epochs
    told = (
        f"{len(suspects)} of {images:,} validation images ({format_percent(len(suspects) / images, 1)}) were right "
        f"after none of {epochs} epochs and got one and the same other class throughout the later half; accuracy is "
        f"{format_percent(right[-1], 1)}."
    )
    return Found(told, images=True)


def see_unbalanced(observed: Observed) -> Found | None:
    """Classes with several times as many images as others."""
    assert observed.labels is not None
    counts = np.bincount(observed.labels, minlength=observed.spec.data.num_classes)
    fewest, most = int(counts.min()), int(counts.max())
    if most < UNBALANCED * max(fewest, 1) and fewest > 0:
        return None
    told = f"The largest class has {most:,} validation images, the smallest {fewest:,}."
    if observed.predicted is not None and len(observed.predicted):
        found = per_class(confusion(observed.labels, observed.predicted[-1], len(counts)))
        small, large = found.recall[int(counts.argmin())], found.recall[int(counts.argmax())]
        if np.isfinite(small):
            told += f" Of the smallest {format_percent(small, 0)} are right, of the largest {format_percent(large, 0)}."
    return Found(told, images=True)


def see_few_validation_images(observed: Observed) -> Found | None:
    """So few validation images that chance alone moves the accuracy by points."""
    images, right = observed.count_images("val"), observed.column("val/accuracy")
    if not images or observed.epochs < 0.8 * observed.planned or not np.isfinite(right).any():
        return None
    best = float(np.nanmax(right))
    if best < HALF_RIGHT:  # there are other troubles
        return None
    interval = accuracy(np.ones(images), np.arange(images) < round(best * images)).interval
    reach = (interval.high - interval.low) / 2
    if reach <= WIDE:
        return None
    wanted = images_to_tell(best, WANTED)
    told = (
        f"{images:,} validation images: the 95 % interval of {format_percent(best, 1)} goes from "
        f"{format_percent(interval.low, 1)} to {format_percent(interval.high, 1)}. To tell a difference of "
        f"{100 * WANTED:.0f} point between two runs takes about {wanted:,} images (80 % power)."
    )
    spec = observed.spec
    share = min(0.5, float(f"{spec.data.val_fraction * min(wanted / images, (reach / WIDE) ** 2 * 2):.1g}"))
    fixes = [Fix({"data.val_fraction": max(share, 0.1)})]
    if spec.data.is_test_capped:
        fixes.insert(0, Fix({"data.cap_held_out": False}))
    return Found(told, (Mark("val/accuracy", int(np.nanargmax(right)) + 1),), tuple(fixes))


def images_to_tell(share: float, difference: float, power: float = 0.8) -> int:
    """In each of two samples, for a two-sided 5 % test of two shares (Fleiss, Levin & Paik 2003, section 4.2)."""
    middle = min(max(share, 0.5 / 100), 1 - 0.5 / 100)
    reach = NormalDist().inv_cdf(0.975) + NormalDist().inv_cdf(power)
    return math.ceil(2 * middle * (1 - middle) * (reach / difference) ** 2)


def see_leaking_test(observed: Observed) -> Found | None:
    """Test images that are known better than validation images that the best epoch was chosen by."""
    tested, chosen = observed.results.get("test/accuracy_best"), observed.results.get("best/val_accuracy")
    test, val = observed.count_images("test"), observed.count_images("val")
    if not isinstance(tested, float | int) or not isinstance(chosen, float | int) or not test or not val:
        return None
    pooled = (tested * test + chosen * val) / (test + val)
    error = math.sqrt(max(pooled * (1 - pooled), 1e-12) * (1 / test + 1 / val))
    chance = NormalDist().cdf(-(tested - chosen) / error)
    if chance > SURE or tested - chosen < WIDE:
        return None
    rarely = f"does so once in {1 / chance:,.0f} times or less" if chance > 1e-9 else "does not do that"
    told = (
        f"{format_percent(tested, 1)} of {test:,} test images are right, but {format_percent(chosen, 1)} of {val:,} "
        f"validation images, by which the "
        f"epoch was chosen: chance alone {rarely}."
    )
    best = int(observed.results.get("best/epoch") or observed.epochs)
    return Found(told, (Mark("val/accuracy", best),) if best else ())
