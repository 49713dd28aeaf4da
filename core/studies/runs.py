"""Between a study's trials and the runs that they are: values, compatible runs, and specs for the queue."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from optuna.trial import FrozenTrial, TrialState, create_trial

from core.runs.folder import Run
from core.spec import RunSpec
from core.spec.cost import cost_of
from core.spec.parse import FieldProblem, SpecError
from core.spec.train import FREE_FIELDS
from core.studies.objectives import OBJECTIVES
from core.studies.samplers import make_distribution
from core.studies.space import Value, read_values
from core.studies.spec import StudySpec
from core.studies.trials import CONSTRAINT

LOSSES = ("train/loss", "val/loss")


def measure_network(study: StudySpec, parameters: int) -> float:
    """Above 0 if a network is over the study's budget, and the more so the larger it is."""
    return math.log2(parameters / study.budget) if study.budget else 0.0


def worst_values(study: StudySpec) -> list[float]:
    """The values that Optuna gets for a network that was never trained."""
    return [-math.inf if OBJECTIVES[objective].is_maximized else math.inf for objective in study.objectives]


def intermediate_value(study: StudySpec, metrics: Mapping[str, Any]) -> float | None:
    """What an epoch's figures say of the only objective: NaN once a loss is no number, whatever the accuracy is.

    None if nobody asks: trials of several objectives are not compared epoch by epoch.
    """
    name = study.objectives[0]
    if len(study.objectives) > 1 or name not in metrics:
        return None
    read = [metrics[each] for each in (name, *LOSSES) if each in metrics]
    is_known = all(isinstance(value, int | float) and math.isfinite(value) for value in read)
    return float(read[0]) if is_known else math.nan


def objective_values(study: StudySpec, run: Run) -> list[float]:
    """A run's values; of loss and accuracy those of its best epoch. Raises ValueError if it has none."""
    rows, cost = run.rows(), cost_of(run.spec)
    return [OBJECTIVES[name].read(rows, cost) for name in study.objectives]


def place_spec(study: StudySpec, spec: RunSpec) -> dict[str, Value]:
    """The values of a spec in the study's space. Raises SpecError if it does not belong there, naming the fields."""
    searched = {dimension.path for dimension in study.space}
    return read_values(study.base, study.space, spec, ignore=FREE_FIELDS - searched)


def make_joined_trial(study: StudySpec, run: Run) -> FrozenTrial:
    """A finished run as a trial of the study. Raises SpecError if it is no point of the study's space."""
    state = run.state()
    if state != "finished":
        raise SpecError([FieldProblem("", f"the run is {state}; only finished runs can join", missing=True)])
    params, values, parameters = place_spec(study, run.spec), objective_values(study, run), cost_of(run.spec).parameters
    measure = measure_network(study, parameters)
    if measure > 0:
        message = f"has {parameters:,} parameters; the study's budget is {study.budget:,}"
        raise SpecError([FieldProblem("model", message, missing=True)])
    epochs = {int(row["epoch"]): intermediate_value(study, row) for row in run.rows()}
    trial = create_trial(
        state=TrialState.COMPLETE,
        values=values,
        params=params,
        distributions={dimension.path: make_distribution(dimension) for dimension in study.space},
        user_attrs={"joined": True, "run_id": run.id, "parameters": parameters},
        intermediate_values={epoch: value for epoch, value in epochs.items() if value is not None},
        constraints={CONSTRAINT: measure} if study.can_be_infeasible else None,
    )
    trial.datetime_start = datetime.fromtimestamp(float(run.environment().get("started") or run.about.created))
    trial.datetime_complete = datetime.fromtimestamp(float((run.end() or {}).get("ended") or run.about.created))
    return trial
