"""What a rule may look at: the figures of a run up to an epoch, as arrays, and the spec that it was trained by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from core.compare.snapshot import ComparedRun, finite
from core.examine.history import read_history
from core.examine.weights import ExamineError
from core.runs.store import open_run
from core.spec import RunSpec

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Columns = Mapping[str, FloatArray]
NORMS = ("weights", "gradients", "updates")


@dataclass(frozen=True)
class Observed:
    """A training as its folder tells it; `rows`, `steps` and `use` hold columns of one length each, NaN for a gap.

    `predicted` is the class given to each validation image after each epoch, (epochs, images), `labels` (images,);
    both are None where they were not kept. `state`, `kind` and `results` are those of its end, empty before it.
    """

    spec: RunSpec
    rows: Columns
    steps: Columns = field(default_factory=dict)
    use: Columns = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    state: str = ""
    kind: str = ""
    reason: str = ""
    results: Mapping[str, Any] = field(default_factory=dict)
    predicted: IntArray | None = None
    labels: IntArray | None = None

    @property
    def epochs(self) -> int:
        """Epochs done."""
        return len(self.rows.get("epoch", ()))

    @property
    def planned(self) -> int:
        return self.spec.train.epochs

    @property
    def has_validation(self) -> bool:
        """Whether images were held out, as far as is known."""
        return self.environment.get("val_images") != 0

    @property
    def has_ended(self) -> bool:
        return bool(self.state)

    @property
    def is_complete(self) -> bool:
        """Whether all epochs that its schedule plans are done."""
        return self.epochs >= self.planned

    def column(self, name: str) -> FloatArray:
        """A figure after each epoch, (epochs,); NaN where it was not measured."""
        known = self.rows.get(name)
        return np.full(self.epochs, np.nan) if known is None else known

    def norms(self, kind: str) -> dict[str, FloatArray]:
        """`weights`, `gradients` or `updates` of each layer after each epoch; empty if they were not noted."""
        return {
            name.removeprefix("norms/").removesuffix(f"/{kind}"): values
            for name, values in self.rows.items()
            if name.startswith("norms/") and name.endswith(f"/{kind}")
        }

    @property
    def chance_loss(self) -> float:
        """The loss of a network that gives all classes the same share."""
        return float(np.log(self.spec.data.num_classes))

    def count_images(self, part: str) -> int:
        """How many images `train`, `val` or `test` has; 0 if the run does not say."""
        return int(self.environment.get(f"{part}_images") or 0)

    def until(self, epoch: int) -> Observed:
        """The same training while it was under way, after an epoch."""
        seconds = float(self.column("seconds")[epoch - 1]) if epoch else 0.0
        predicted = self.predicted[:epoch] if self.predicted is not None and epoch else None
        return replace(
            self,
            rows={name: values[:epoch] for name, values in self.rows.items()},
            steps=_cut(self.steps, "epoch", epoch),
            use=_cut(self.use, "seconds", seconds),
            state="",
            kind="",
            reason="",
            results={},
            predicted=predicted,
            labels=None if predicted is None else self.labels,
        )


def _cut(columns: Columns, by: str, last: float) -> Columns:
    kept = columns[by] <= last if by in columns else None
    return columns if kept is None else {name: values[kept] for name, values in columns.items()}


def to_columns(rows: list[dict[str, Any]]) -> dict[str, FloatArray]:
    """Rows as columns of numbers; NaN for what is missing or not finite."""
    names = dict.fromkeys(name for row in rows for name in row if name != "not_finite")
    return {name: np.array([finite(row.get(name)) for row in rows], float) for name in names}


def observe(run: ComparedRun) -> Observed:
    """A run of this lab as it is now. Raises DamagedRunError, RunNotFoundError."""
    folder = open_run(run.id)
    end = folder.end() or {}
    try:
        history = read_history(folder)
    except ExamineError:
        history = None
    return Observed(
        spec=run.spec,
        rows={name: run.column(name) for name in (run.rows[-1] if run.rows else {}) if name != "not_finite"},
        steps=to_columns(folder.steps().rows),
        use=to_columns(folder.use().rows),
        environment=run.environment,
        state=str(end.get("state") or ""),
        kind=str(end.get("kind") or ""),
        reason=str(end.get("reason") or ""),
        results=run.results,
        predicted=None if history is None else history.predicted,
        labels=None if history is None else history.labels,
    )
