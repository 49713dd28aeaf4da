"""Trainings for the rules: figures by hand, and those that were recorded."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.replay import Recording, read_recordings
from core.doctor.observed import Observed
from core.spec import RunSpec
from core.spec.parse import parse_spec


def spec_of(**sections: dict[str, Any]) -> RunSpec:
    return parse_spec({"data": {"dataset": "digits"}, **sections})


def watch(spec: RunSpec | None = None, *, state: str = "", **columns: Any) -> Observed:
    """A training with these columns, as `train_loss=[2.3, 1.9]`; all other figures are those of a sound one."""
    given = {name.replace("_", "/", 1): np.array(values, float) for name, values in columns.items()}
    epochs = max(map(len, given.values()), default=0)
    fall = np.linspace(1, 0, epochs) ** 2
    rows = {
        "epoch": np.arange(1.0, epochs + 1),
        "seconds": np.arange(1.0, epochs + 1),
        "learning_rate": 1e-3 * np.linspace(1, 0.01, epochs),
        "train/loss": 0.02 + 1.5 * fall,
        "val/loss": 0.05 + 1.5 * fall,
        "train/accuracy": 1.0 - 0.5 * fall,
        "val/accuracy": 0.98 - 0.5 * fall,
    }
    rows |= {("learning_rate" if name == "learning/rate" else name): values for name, values in given.items()}
    spec = spec or spec_of(train={"epochs": max(epochs, 1)})
    images = {"train_images": 1000, "val_images": 1000, "test_images": 1000, "device": "cpu"}
    return Observed(spec, rows, environment=images, state=state)


def recorded(illness: str) -> list[Recording]:
    """The trainings that were made ill in this way."""
    found = [recording for recording in read_recordings("ill") if recording.illness == illness]
    assert found, illness
    return found
