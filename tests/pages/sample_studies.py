"""Studies with trials as their workers leave them, written straight into the storage: no training, no torch."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from optuna.trial import FrozenTrial, TrialState, create_trial

from core.studies.manage import create_study
from core.studies.samplers import make_distribution
from core.studies.spec import STUDY_PRESETS, StudySpec, parse_study
from core.studies.study import open_study
from core.studies.trials import CONSTRAINT

WORKER = {"host": "elsewhere", "index": 0, "token": "t"}
SPACE = [
    {"path": "train.learning_rate", "low": 1e-4, "high": 3e-2, "log": True},
    {"path": "model.attention", "choices": ["none", "se"]},
    {"path": "model.layers[*].blocks", "low": 1, "high": 3},
]


def make_spec(**changes: Any) -> StudySpec:
    base = STUDY_PRESETS["first-look"].base.model_dump(mode="json")
    return parse_study({"base": base, "space": SPACE, "trials": 20, **changes})


def make_study(name: str, count: int = 12, spec: StudySpec | None = None, run_id: str = "") -> StudySpec:
    """A study of `count` trials: the best is trial 3, every fourth from 4 on is pruned, the last is infeasible."""
    spec = spec or make_spec(trials=count)
    create_study(name, spec)
    trials = [_make_trial(spec, place, place == count - 1 and count > 4, run_id) for place in range(count)]
    open_study(name).optuna().add_trials(trials)
    return spec


def add_trial(name: str) -> None:
    """One more finished trial."""
    study = open_study(name)
    study.optuna().add_trial(_make_trial(study.spec, len(study.frozen_trials()) * 4 + 1, False, ""))


def _make_trial(spec: StudySpec, place: int, infeasible: bool, run_id: str) -> FrozenTrial:
    params = {
        "train.learning_rate": 1e-4 * 10 ** (2 * (place * 0.37 % 1)),
        "model.attention": ["none", "se"][place % 2],
        "model.layers[*].blocks": 1 + place % 3,
    }
    loss = 0.2 if place == 3 else 0.5 + 0.01 * (place % 97)
    several = len(spec.objectives) > 1
    pruned = place > 3 and place % 4 == 0 and not several and not infeasible
    trial = create_trial(
        state=TrialState.PRUNED if pruned else TrialState.COMPLETE,
        values=None if pruned else ([loss, 1e5 + place] if several else [float("inf") if infeasible else loss]),
        params=params,
        distributions={dimension.path: make_distribution(dimension) for dimension in spec.space},
        intermediate_values={} if several or infeasible else {epoch: loss + 1 / epoch for epoch in (1, 2, 3)},
        user_attrs={"parameters": 78_000 + place}
        | ({"reason": "9,000,000 parameters are over the budget."} if infeasible else {"worker": WORKER})
        | ({"run_id": run_id} if run_id and place == 3 else {}),
        constraints={CONSTRAINT: 1.0 if infeasible else -1.0},
    )
    trial.datetime_start = datetime.now() - timedelta(hours=1) + timedelta(seconds=20 * place)
    trial.datetime_complete = trial.datetime_start + timedelta(seconds=10)
    return trial
