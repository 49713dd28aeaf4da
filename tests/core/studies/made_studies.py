"""Studies with trials as workers leave them, without workers."""

from typing import Any

from optuna.trial import TrialState, create_trial

from core.studies.manage import create_study
from core.studies.samplers import make_distribution
from core.studies.spec import StudySpec
from core.studies.study import Study, open_study
from core.system import processes
from tests.core.study_workers import tiny_study

HOST = processes.host_name()


def make(spec: StudySpec | None = None, name: str = "tiny") -> Study:
    create_study(name, spec or tiny_study(trials=5))
    return open_study(name)


def add(study: Study, state: TrialState = TrialState.COMPLETE, value: float | None = 1.0, **more: Any) -> None:
    """A trial as a worker would have left it."""
    spec = study.spec
    user = {"worker": {"host": HOST, "index": 0, "token": "gone"}, **more.pop("user_attrs", {})}
    params = more.pop("params", {"train.learning_rate": 0.01})
    trial = create_trial(
        state=state,
        value=value if state == TrialState.COMPLETE else None,
        params=params,
        distributions={d.path: make_distribution(d) for d in spec.space if d.path in params},
        user_attrs=user,
        **more,
    )
    study.optuna().add_trial(trial)
