"""Which weights of a run can be examined, and what the helper process needs to load them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from core.helper.questions import WeightsFile
from core.runs.folder import Run
from core.runs.foreign import describe_foreign
from core.runs.records import CheckpointFile, Environment, WeightsName
from core.system.errors import LabError


class ExamineError(LabError):
    """Something cannot be shown."""


@dataclass(frozen=True)
class Weights:
    """One set of a run's weights: `key` names it in addresses, `file` is None if only its predictions are left.

    `label` stays the same while the run goes on; `title` includes the epoch.
    """

    key: str
    label: str
    epoch: int | None
    file: CheckpointFile | None
    which: WeightsName

    @property
    def title(self) -> str:
        says_epoch = self.epoch is None or self.key not in ("best", "last")
        return self.label if says_epoch else f"{self.label} (epoch {self.epoch})"


def list_weights(run: Run) -> list[Weights]:
    """Best on validation, last, then what other checkpoints hold. Empty before the first epoch has ended.

    Where no images were held out there is no best.
    """
    files = run.checkpoints()
    best = next((file for file in reversed(files) if file.kind == "best"), None)
    last = files[-1] if files else None
    figures = run.results()
    found = []
    if run.has_validation and (best or last or run.predictions("test_best") is not None):
        epoch = best.best_epoch or best.epoch if best else _whole(figures.get("best/epoch"))
        # Every checkpoint carries the best weights so far, even if the file of their own epoch was lost.
        found.append(Weights("best", "Best on validation", epoch, best or last, "best"))
    if last or run.predictions("test_last") is not None:
        epoch = last.epoch if last else _whole(figures.get("last/epoch"))
        found.append(Weights("last", "Last", epoch, last, "last"))
    found += [
        Weights(file.path.stem, f"Checkpoint of epoch {file.epoch}", file.epoch, file, "last")
        for file in reversed(files)
        if file not in (best, last)
    ]
    return found


def find_weights(run: Run, key: str) -> Weights:
    """The weights of this key, else the first. Raises ExamineError if the run has none yet."""
    choices = list_weights(run)
    if not choices:
        raise ExamineError(explain_nothing(run))
    return next((weights for weights in choices if weights.key == key), choices[0])


def explain_absent(run: Run, key: WeightsName) -> str:
    """Why a run that has weights has none of this name."""
    if key == "best" and not run.has_validation:
        return "No images were held out, so no weights are best on validation: take the last ones."
    return f"The run has no {key} weights."


def explain_nothing(run: Run) -> str:
    """Why a run has neither weights nor predictions."""
    match run.state():
        case "queued" | "running":
            return "The first weights and predictions come with the end of the first epoch."
        case "damaged":
            return f"The run's files cannot be read: {run.damage()}."
        case state:
            return f"This run has no checkpoint and no predictions: it is {state}, and no epoch of it has ended."


def name_file(run: Run, weights: Weights) -> WeightsFile:
    """What the helper process needs to load these weights. Raises ExamineError if no checkpoint holds them."""
    if weights.file is None:
        raise ExamineError("The checkpoint of these weights is gone, so nothing new can be asked of them.")
    return WeightsFile(run.spec.model_dump_json(), str(weights.file.path), weights.file.sha256, weights.which)


def read_scale(environment: Environment) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Mean and standard deviation of the training images as the worker recorded them; older runs have none."""
    mean, std = environment.get("mean"), environment.get("std")
    if not (isinstance(mean, list) and isinstance(std, list) and len(mean) == len(std) in (1, 3)):
        return None
    try:
        return tuple(float(value) for value in mean), tuple(float(value) for value in std)
    except (TypeError, ValueError):
        return None


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and math.isfinite(value) and value > 0 else None


def require_sound(run: Run) -> None:
    """Raises ExamineError with what is wrong with the run's own files, or that another tool kept nothing to examine."""
    if record := run.foreign():
        raise ExamineError(f"{describe_foreign(record)}, with neither weights nor the answers for each image.")
    if damage := run.damage():
        raise ExamineError(f"The run's files cannot be read: {damage}.")
