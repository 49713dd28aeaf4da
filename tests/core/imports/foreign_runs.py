"""Runs as a reader of another tool's files would find them."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.imports.values import ForeignRun
from core.runs.records import MappedFigure
from core.runs.series import Series

BEGUN = 1_700_000_000.0
MAPPING: dict[str, MappedFigure] = {
    "train/loss": {"series": "loss", "percent": False},
    "val/accuracy": {"series": "val_acc", "percent": True},
    "test/accuracy": {"series": "test_acc", "percent": True},
}


def make_series(steps: list[int], values: list[float], begun: float = BEGUN) -> Series:
    return Series(np.array(steps), np.array(values, float), begun + np.arange(len(steps), dtype=float))


def make_foreign(**changes: Any) -> ForeignRun:
    """Three validations in percent, the loss at every second step, one test."""
    values: dict[str, Any] = {
        "format": "tensorboard",
        "key": "logs/one",
        "name": "one",
        "series": {
            "loss": make_series([1, 2, 3, 4, 5, 6], [2.5, 2.0, 1.5, 1.0, 0.5, 0.25]),
            "val_acc": make_series([2, 4, 6], [50.0, 75.0, 62.5]),
        },
        "results": {"test_acc": 61.5},
        "configuration": {"lr": 0.1, "batch_size": 64, "optimizer": "SGD", "augment.mixup": True},
        "tags": ("baseline",),
        "started": BEGUN,
        "ended": BEGUN + 60,
    }
    return ForeignRun(**{**values, **changes})
