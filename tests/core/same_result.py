"""Whether two runs ended bit for bit alike, but for what a clock or the machine's use tells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch

from core.engine import checkpoint
from core.runs.folder import Run

TIMING = ["seconds", "images_per_second"]
PREDICTIONS = ("val_last", "val_best", "test_last", "test_best", "val_labels", "test_labels")


def last_state(run: Run) -> dict[str, Any]:
    newest = run.checkpoints()[-1]
    return checkpoint.load(newest.path, newest.sha256)


def assert_same(one: Any, other: Any, path: str = "") -> None:
    """Nested dicts and lists with equal tensors, but for what a clock measured."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), path
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), path
        for key in one.keys() - {*TIMING, "epoch_seconds"}:
            assert_same(one[key], other[key], f"{path}.{key}")
    elif isinstance(one, list | tuple):
        for index, (left, right) in enumerate(zip(one, other, strict=True)):
            assert_same(left, right, f"{path}[{index}]")
    else:
        assert one == other, path


def assert_same_result(run: Run, undisturbed: Run) -> None:
    """Weights, optimizer, metrics and every prediction, bit for bit; each epoch once."""
    assert_same(last_state(run), last_state(undisturbed))
    figures, expected = run.metrics(), undisturbed.metrics()
    assert list(figures["epoch"]) == list(range(1, undisturbed.spec.train.epochs + 1))
    kept = [name for name in expected if name not in TIMING and not name.startswith("system/")]
    pd.testing.assert_frame_equal(figures[kept], expected[kept], check_exact=True)
    assert np.array_equal(run.val_classes(), undisturbed.val_classes())
    for name in PREDICTIONS:
        assert np.array_equal(run.predictions(name), undisturbed.predictions(name)), name
    assert_same(run.end()["metrics"] | {"train_seconds": 0}, undisturbed.end()["metrics"] | {"train_seconds": 0})
