"""Rules about how well the network fits the training images, and others."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.compare.lines import Mark
from core.doctor.observed import Observed
from core.doctor.rate import TRAIN_LOSS, VAL_LOSS, see_ends_early, see_too_high
from core.doctor.rule import Fix, Found
from core.spec import RunSpec
from core.spec.choices import UNMIRRORED
from core.text.formats import format_percent

WIDENING_EPOCHS, WIDENED = 3, 1.1  # so many epochs in a row, so far above the lowest validation loss
GAP, GAP_ERRORS = 0.05, 2.0  # between the accuracies, as a share and in standard errors of validation
WEAK = 0.85  # training accuracy below which a network has not learnt its own images
MIXING = ("augment.mixup", "augment.cutmix", "model.dropout", "model.stochastic_depth")


def see_overfitting(observed: Observed) -> Found | None:
    """Validation loss has risen from its lowest for good, while training loss fell, and the accuracies are apart."""
    val, train = observed.column(VAL_LOSS), observed.column(TRAIN_LOSS)
    right, known = observed.column("val/accuracy"), observed.column("train/accuracy")
    for end in range(WIDENING_EPOCHS + 1, observed.epochs + 1):
        if not np.isfinite(val[:end]).any():
            continue
        lowest = int(np.nanargmin(val[:end]))
        risen = val[end - WIDENING_EPOCHS : end] > WIDENED * val[lowest]
        gap = known[end - 1] - right[end - 1]
        error = _standard_error(right[end - 1], observed.count_images("val"))
        falls = train[end - 1] < 0.9 * train[lowest]
        is_over = np.nanmin(val[end:], initial=np.inf) < val[lowest]  # a restless curve, which came down again
        if risen.all() and falls and not is_over and gap > max(GAP, GAP_ERRORS * error):
            told = (
                f"Validation loss was lowest after epoch {lowest + 1} ({val[lowest]:.3f}) and is {val[end - 1]:.3f} "
                f"after epoch {end}, while training loss fell from {train[lowest]:.3f} to {train[end - 1]:.3f}. "
                f"Training accuracy is {100 * gap:.0f} points above validation accuracy."
            )
            marks = (Mark(VAL_LOSS, lowest + 1), Mark(VAL_LOSS, end))
            return Found(told, marks, tuple(_list_regularisers(observed.spec)))
    return None


def _standard_error(share: float, images: int) -> float:
    return float(np.sqrt(share * (1 - share) / images)) if images else 0.0


def _list_regularisers(spec: RunSpec) -> list[Fix]:
    """What is switched off and would hold back the memory of single images, the strongest first."""
    size = spec.data.image_size
    moves = {
        "augment.crop_padding": max(1, size // 8) if spec.augment.crop_padding == 0 else None,
        "augment.flip": True if not spec.augment.flip and spec.data.dataset not in UNMIRRORED else None,
    }
    weights = {
        "train.weight_decay": 5e-4 if spec.train.weight_decay < 1e-5 else None,
        "train.label_smoothing": 0.1 if spec.train.label_smoothing == 0 else None,
        "model.dropout": 0.2 if spec.model.dropout == 0 else None,
    }
    cap = {"data.max_train_images": 0 if spec.data.max_train_images else None}
    stop = {"train.early_stop_patience": 5 if spec.train.early_stop_patience == 0 else None}
    groups = (
        {path: value for path, value in group.items() if value is not None} for group in (cap, moves, weights, stop)
    )
    return [Fix(group) for group in groups if group]


def see_underfitting(observed: Observed) -> Found | None:
    """At the end of the schedule the network does not know its own training images, and hardly learns any more."""
    if not observed.is_complete or observed.epochs < 2:
        return None
    known, right = observed.column("train/accuracy"), observed.column("val/accuracy")
    close = known[-1] - right[-1] < GAP
    learns = known[-1] > 1.5 / observed.spec.data.num_classes
    if (
        not (known[-1] < WEAK and right[-1] < WEAK and close and learns)
        or see_ends_early(observed)
        or see_too_high(observed)
    ):
        return None
    told = (
        f"After all {observed.epochs} epochs training accuracy is {format_percent(known[-1], 1)} and validation "
        f"accuracy {format_percent(right[-1], 1)}, and the validation loss no longer falls as it did."
    )
    mark = Mark("train/accuracy", observed.epochs)
    return Found(told, (mark,), tuple(_list_relief(observed.spec)))


def _list_relief(spec: RunSpec) -> list[Fix]:
    """Less of what makes the training harder; else a larger network."""
    values = {path: getattr(getattr(spec, path.split(".")[0]), path.split(".")[1]) for path in MIXING}
    held = {path: 0.0 for path, value in values.items() if value}
    channels = [min(4096, 2 * layer.channels) for layer in spec.model.layers]
    wider: dict[str, Any] = {f"model.layers[{index}].channels": count for index, count in enumerate(channels)}
    wider["model.stem_channels"] = min(4096, max(2 * spec.model.stem_channels, 16))
    return [*([Fix(held)] if held else []), Fix(wider), Fix({"train.epochs": min(10_000, 2 * spec.train.epochs)})]
