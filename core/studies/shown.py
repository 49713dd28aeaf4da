"""The studies' storage as optuna-dashboard is shown it: no infeasible trial is the best there.

optuna-dashboard 0.21 knows only the older way to tell constraints, a list in the trial's system attributes, and where
it draws it greys such trials out. But it names the best among all that are complete.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from copy import copy, deepcopy
from typing import Any

from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from core.studies.trials import is_infeasible

OLDER_KEY = "constraints"


def show_infeasible(storage: BaseStorage) -> BaseStorage:
    """The storage's answers, with its infeasible trials as optuna-dashboard understands them."""
    shown: BaseStorage = _Shown(storage)
    return shown


class _ShownTrials(BaseStorage):
    def __init__(self, storage: BaseStorage) -> None:
        self.storage = storage

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """The trials of a study; without a feasible one that is complete, those over the budget are pruned: one of
        several that are complete would be named the best."""
        trials = self.storage.get_all_trials(study_id, deepcopy=False)
        has_best = any(trial.state == TrialState.COMPLETE and not is_infeasible(trial) for trial in trials)
        shown = [show_trial(trial, has_best) for trial in trials]
        return [_own(trial, deepcopy) for trial in shown if states is None or trial.state in states]


def _hand_on(name: str) -> Callable[..., Any]:
    def ask(self: _ShownTrials, *args: Any, **kwargs: Any) -> Any:
        return getattr(self.storage, name)(*args, **kwargs)

    return ask


# Every other question goes to the storage itself.
_Shown: Any = type("Shown", (_ShownTrials,), {name: _hand_on(name) for name in _ShownTrials.__abstractmethods__})


def _own(trial: FrozenTrial, is_copied: bool) -> FrozenTrial:
    return deepcopy(trial) if is_copied else trial


def show_trial(trial: FrozenTrial, has_best: bool) -> FrozenTrial:
    """A trial as it is; if infeasible, a copy that tells its constraints in the older way too."""
    if not is_infeasible(trial):
        return trial
    shown = copy(trial)
    shown.system_attrs = {**trial.system_attrs, OLDER_KEY: list(trial.constraints.values())}
    if trial.state == TrialState.COMPLETE and not has_best:
        shown.state = TrialState.PRUNED
    return shown
