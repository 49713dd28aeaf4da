"""Studies of invented trials, and their figures as the browser reads them."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from core.studies.charts.axes import StudyView
from core.studies.charts.plots import draw_study
from core.studies.importance import FieldImportance, Importance
from core.studies.points import Points, gather_points
from core.studies.samplers import make_distribution
from core.studies.spec import StudySpec, parse_study

SPACE = [
    {"path": "train.learning_rate", "low": 1e-4, "high": 1e-1, "log": True},
    {"path": "model.stem_channels", "choices": [16, 32]},
    {"path": "train.optimizer", "choices": ["sgd", "adam"]},
    {"path": "model.dropout", "low": 0, "high": 0.5},
]
FIELDS = tuple(str(dimension["path"]) for dimension in SPACE)
WORKER = {"host": "elsewhere", "index": 0, "token": "t"}


def make_spec(*objectives: str) -> StudySpec:
    return parse_study({"space": SPACE, "objectives": list(objectives or ["val/loss"]), "trials": 50})


def make_trial(
    index: int,
    values: Sequence[float],
    state: TrialState = TrialState.COMPLETE,
    curve: Sequence[float] = (),
    learning_rate: float = 0.0,
) -> FrozenTrial:
    params: dict[str, Any] = {
        "train.learning_rate": learning_rate or 1e-4 * 10 ** (3 * (index * 0.37 % 1)),
        "model.stem_channels": [16, 32][index % 2],
        "train.optimizer": ["sgd", "adam"][index // 2 % 2],
        "model.dropout": 0.5 * (index * 0.61 % 1),
    }
    trial = create_trial(
        state=state,
        values=list(values) if state == TrialState.COMPLETE else None,
        params=params,
        distributions={dimension.path: make_distribution(dimension) for dimension in make_spec().space},
        intermediate_values=dict(enumerate(curve, start=1)),
        user_attrs={"worker": WORKER},
    )
    begun = datetime(2026, 3, 1, 12) + timedelta(seconds=20 * index)
    trial.datetime_start = None if state == TrialState.WAITING else begun
    trial.datetime_complete = begun + timedelta(seconds=15) if state.is_finished() else None
    return trial


def fill(spec: StudySpec, trials: Sequence[FrozenTrial]) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=spec.directions)
    study.add_trials(trials)
    return study


def points_of(spec: StudySpec, trials: Sequence[FrozenTrial]) -> Points:
    return gather_points("a study", spec, fill(spec, trials).get_trials(deepcopy=False))


def make_importance() -> Importance:
    return Importance(tuple(FieldImportance(path, 0.25, 0.1, 0.4) for path in FIELDS), 20)


def draw(plot: str, points: Points, **view: Any) -> dict[str, Any]:
    chosen = StudyView(**{"fields": FIELDS, **view})
    drawing = draw_study(plot, points, chosen, make_importance())  # type: ignore[arg-type]
    return {"data": [], **json.loads(drawing.figure or "{}"), "notes": drawing.notes}


def unpack(array: Any) -> list[float]:
    """Numbers as the browser reads them."""
    if isinstance(array, dict):
        return [float(value) for value in np.frombuffer(base64.b64decode(array["bdata"]), np.dtype("<f4"))]
    return array


def trace(figure: dict[str, Any], uid: str) -> dict[str, Any]:
    return next(found for found in figure["data"] if found["uid"] == uid)


LOSSES = [0.9, 0.7, 0.8, 0.4, 0.6]
