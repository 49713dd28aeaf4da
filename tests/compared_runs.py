"""Finished runs with predictions of known rightness, made by hand: what a comparison reads, without any training."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from core.compare.snapshot import ComparedRun, look_at
from core.compare.units import Unit, make_units
from core.runs.folder import Run
from core.system import files
from tests.pages.sample_runs import make_run

CLASSES = 10


def make_compared(correct: npt.ArrayLike | None, *, seed: int = 0, settings: Sequence[str] = (), **rest: Any) -> Run:
    """A run whose stored test predictions are right where `correct` says so; None stores none."""
    run = make_run(settings=("train.epochs=5", f"train.seed={seed}", *settings), **rest)
    environment = run.environment() | {"class_names": [f"digit {label}" for label in range(CLASSES)]}
    files.write_json(run.path / "environment.json", environment, sync=False)
    if correct is not None:
        store_predictions(run, np.asarray(correct, bool))
    return run


def store_predictions(run: Run, correct: npt.NDArray[np.bool_], labels: npt.NDArray[np.int64] | None = None) -> None:
    """Logits of 4 for the predicted class, rising a little with the image's place, and 0 for all others."""
    if labels is None:
        labels = np.arange(len(correct)) % CLASSES
    told = np.where(correct, labels, (labels + 1) % CLASSES)
    logits = np.zeros((len(correct), CLASSES), np.float16)
    logits[np.arange(len(correct)), told] = 4 + np.arange(len(correct)) / len(correct)
    folder = run.path / "predictions"
    folder.mkdir(exist_ok=True)
    for name, array in (("test_last", logits), ("test_best", logits), ("test_labels", labels)):
        np.save(folder / f"{name}.npy", array)
    end = run.end() or {"state": "finished", "metrics": {}}
    end["metrics"] = end["metrics"] | {"test/accuracy": float(correct.mean())}
    files.write_json(run.path / "end.json", end, sync=False)


def right(count: int, images: int, seed: int = 0) -> npt.NDArray[np.bool_]:
    """`count` of `images` right, at random."""
    return np.random.default_rng(seed).permutation(images) < count


def look(*runs: Run) -> tuple[ComparedRun, ...]:
    return look_at(run.id for run in runs).runs


def units_of(*runs: Run, fold: bool = True) -> list[Unit]:
    return make_units(look(*runs), fold=fold)
