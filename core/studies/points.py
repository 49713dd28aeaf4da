"""The trials of a study as columns of numbers, from which its figures are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from optuna.trial import FrozenTrial, TrialState

from core.spec.fields import label_path, show_value
from core.stats.significance import pareto_front
from core.studies.objectives import OBJECTIVES, Objective
from core.studies.space import Dimension, Value, find_field
from core.studies.spec import StudySpec
from core.studies.trials import TrialStateName, moments_of, name_state, retried_numbers

Scale = Literal["linear", "log", "category"]
FloatArray = npt.NDArray[np.float64]
MAX_TICKS = 10


@dataclass(frozen=True)
class Field:
    """One searched field: `labels` are the words of its choices, in the order in which they were given.

    `ticks` are the values of a range that has only a few; `is_ordered` says whether more and less mean something.
    """

    path: str
    name: str
    scale: Scale
    labels: tuple[str, ...] = ()
    ticks: tuple[float, ...] = ()
    is_ordered: bool = True


@dataclass(frozen=True)
class Points:
    """All trials of a study, one row each.

    `values` is (trials, objectives) and `positions` (trials, fields): a field's value, or the index of its choice; NaN
    where a trial has none. `curves` holds a trial's epochs and what it reported at each. Times are Unix seconds; a
    trial has started when it has its device.
    """

    study: str
    objectives: tuple[Objective, ...]
    fields: tuple[Field, ...]
    numbers: npt.NDArray[np.int64]
    states: npt.NDArray[np.str_]
    values: FloatArray
    positions: FloatArray
    curves: tuple[tuple[FloatArray, FloatArray], ...]
    started: FloatArray
    ended: FloatArray

    def where(self, *states: TrialStateName) -> npt.NDArray[np.bool_]:
        """Which trials are in one of these states."""
        return np.isin(self.states, states)

    def with_value(self, objective: int, pruned: bool) -> npt.NDArray[np.bool_]:
        """Which trials have a value for an objective: finished ones, and pruned ones if wanted."""
        states: tuple[TrialStateName, ...] = ("finished", "pruned") if pruned else ("finished",)
        return self.where(*states) & np.isfinite(self.values[:, objective])

    def sign(self, objective: int) -> int:
        """What an objective is multiplied with so that less is better."""
        return -1 if OBJECTIVES[self.objectives[objective]].is_maximized else 1

    def field(self, path: str) -> Field:
        return next(field for field in self.fields if field.path == path)

    def at(self, path: str) -> FloatArray:
        """The positions of a field, (trials,)."""
        return self.positions[:, self.fields.index(self.field(path))]


def gather_points(name: str, spec: StudySpec, trials: Sequence[FrozenTrial]) -> Points:
    """The trials as columns. A pruned trial's value is the last that it reported, as Optuna has it; NaN if none."""
    retried = retried_numbers(trials)
    fields = tuple(_describe(dimension) for dimension in spec.space)
    count, moments = len(spec.objectives), [moments_of(trial) for trial in trials]
    return Points(
        study=name,
        objectives=spec.objectives,
        fields=fields,
        numbers=np.array([trial.number for trial in trials], dtype=np.int64),
        states=np.array([name_state(name, trial, retried) for trial in trials], dtype=np.str_),
        values=_stack([_values_of(trial, count) for trial in trials], count),
        positions=_stack(
            [[_position(dimension, trial.params.get(dimension.path)) for dimension in spec.space] for trial in trials],
            len(fields),
        ),
        curves=tuple(_curve_of(trial) for trial in trials),
        started=np.array([begun for begun, _ in moments], dtype=float),
        ended=np.array([ended for _, ended in moments], dtype=float),
    )


def _stack(rows: Sequence[Sequence[float]], width: int) -> FloatArray:
    return np.array(rows, dtype=float).reshape(len(rows), width)


def _describe(dimension: Dimension) -> Field:
    scale: Scale = "category" if dimension.choices else "log" if dimension.log else "linear"
    labels = tuple(show_searched(dimension.path, choice) for choice in dimension.choices)
    values = None if dimension.choices else dimension.values()
    ticks = tuple(map(float, values)) if values is not None and len(values) <= MAX_TICKS else ()
    is_ordered = all(isinstance(choice, int | float) and not isinstance(choice, bool) for choice in dimension.choices)
    return Field(dimension.path, label_path(dimension.path), scale, labels, ticks, is_ordered)


def show_searched(path: str, value: Value) -> str:
    """A value of a searched field as people read it; of a number the four digits that a search may care for."""
    return show_value(find_field(path), value, digits=4, unit=False)


def _values_of(trial: FrozenTrial, count: int) -> list[float]:
    values = trial.values if trial.values and len(trial.values) == count else None
    if values is None and trial.state == TrialState.PRUNED and count == 1 and trial.intermediate_values:
        values = [trial.intermediate_values[max(trial.intermediate_values)]]
    return [float("nan") if value is None else float(value) for value in values or [None] * count]


def _position(dimension: Dimension, value: Any) -> float:
    if value is None:
        return float("nan")
    if not dimension.choices:
        return float(value)
    # True is 1 in Python, but another choice.
    known = [index for index, choice in enumerate(dimension.choices) if (choice, type(choice)) == (value, type(value))]
    return float(known[0]) if known else float("nan")


def _curve_of(trial: FrozenTrial) -> tuple[FloatArray, FloatArray]:
    steps, values = np.array(sorted(trial.intermediate_values.items()), dtype=float).reshape(-1, 2).T
    known = np.isfinite(values)
    return steps[known], values[known]


def find_front(points: Points) -> npt.NDArray[np.bool_]:
    """Which finished trials no other one beats in every objective (the Pareto front); a trial of equal values stays."""
    costs = points.values * [points.sign(index) for index in range(len(points.objectives))]  # (trials, objectives)
    return pareto_front(np.where(points.where("finished")[:, None], costs, np.nan))
