"""What the trials of a study say: which state each is in, what counts, and whether the search is over.

Nothing is counted that is not in the storage, so any number of workers, killed and started anew, agree on it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from core.runs import layout
from core.studies.storage import folder_of, is_local
from core.system import processes
from core.system.folders import runs_folder
from core.system.locks import is_locked

TrialStateName = Literal[
    "waiting", "queued", "running", "interrupted", "finished", "pruned", "failed", "infeasible", "retried", "void"
]
CONSTRAINT = "network"  # above 0: over budget, or a network that cannot work
RETRIES = 1
# Proposals that cost no training, before a study gives up on its space: so many, and so many a trial.
FREE_PROPOSALS, PROPOSALS_PER_TRIAL = 100, 50
# What Optuna or a worker notes of one attempt, and no other attempt may inherit.
_OF_ONE_ATTEMPT = ("worker", "run_id", "resumes", "reason", "begun", "ended")


def is_infeasible(trial: FrozenTrial) -> bool:
    return any(value > 0 for value in trial.constraints.values())


def worker_folder(name: str, index: int) -> Path:
    return folder_of(name) / "workers" / str(index)


def holds_its_lock(name: str, worker: dict[str, Any]) -> bool:
    """Whether this very worker, not a later one of its number, holds its lock. Only for workers of this machine."""
    lock = worker_folder(name, int(worker["index"])) / layout.LOCK
    try:
        return is_locked(lock) and lock.read_text() == worker["token"]
    except OSError:
        return False


def is_orphan(name: str, trial: FrozenTrial) -> bool:
    """Whether a running trial's worker is gone. A trial that names no worker was never begun, or is just beginning."""
    if trial.state != TrialState.RUNNING:
        return False
    worker = trial.user_attrs.get("worker")
    return worker is not None and is_local(trial) and not holds_its_lock(name, worker)


def waits_for_device(trial: FrozenTrial) -> bool:
    """Whether a trial has its values and a run, but no device yet; older versions did not note it."""
    return trial.user_attrs.get("begun", ...) is None


def moments_of(trial: FrozenTrial) -> tuple[float | None, float | None]:
    """When a trial began to train and when it ended, as Unix seconds: its wait for a device is no part of it.

    None for what has not come yet. A trial whose worker was found dead only later ended with its last sign of life.
    """
    begun, ended = (when.timestamp() if when else None for when in (trial.datetime_start, trial.datetime_complete))
    noted: dict[str, float | None] = trial.user_attrs
    return noted.get("begun", begun), noted.get("ended", ended)


def retried_numbers(trials: Sequence[FrozenTrial]) -> set[int]:
    """Numbers of the trials that another one replaced."""
    return {number for trial in trials for number in trial.system_attrs.get("retry_history", ())}


def name_state(name: str, trial: FrozenTrial, retried: set[int]) -> TrialStateName:
    """A trial's state in this project's words."""
    match trial.state:
        case TrialState.WAITING:
            return "waiting"
        case TrialState.RUNNING:
            if is_orphan(name, trial):
                return "interrupted"
            return "queued" if waits_for_device(trial) else "running"
        case TrialState.PRUNED:
            return "infeasible" if is_infeasible(trial) else "pruned"
        case TrialState.COMPLETE:
            return "infeasible" if is_infeasible(trial) else "finished"
    if trial.number in retried:
        return "retried"
    return "failed" if "worker" in trial.user_attrs else "void"


@dataclass(frozen=True)
class Tally:
    """How many trials are in which state; `joined` are runs that existed before and count beside the others."""

    states: Counter[TrialStateName]
    joined: int
    minutes: float
    grid_points: int = 0  # points of the grid that have a trial

    @property
    def taken(self) -> int:
        """Trials that count against the study's number: trained, in training, or failed for good."""
        ended = self.states["finished"] + self.states["pruned"] + self.states["failed"]
        return ended + self.live - self.joined

    @property
    def live(self) -> int:
        return self.states["queued"] + self.states["running"] + self.states["interrupted"]


def count_trials(name: str, trials: Sequence[FrozenTrial]) -> Tally:
    retried = retried_numbers(trials)
    states: Counter[TrialStateName] = Counter(name_state(name, trial, retried) for trial in trials)
    joined = sum(bool(trial.user_attrs.get("joined")) for trial in trials)
    points = {trial.system_attrs["grid_id"] for trial in trials if "grid_id" in trial.system_attrs}
    return Tally(states, joined, _busy_minutes(trials), len(points))


def _busy_minutes(trials: Sequence[FrozenTrial]) -> float:
    """Minutes in which at least one trial was under way: pauses and nights between two sittings do not count."""
    spans = sorted(span for trial in trials if (span := _span_of(trial)))
    total, reached = 0.0, 0.0
    for start, end in spans:
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total / 60


def _span_of(trial: FrozenTrial) -> tuple[float, float] | None:
    begun, ended = moments_of(trial)
    if begun is None or "worker" not in trial.user_attrs:
        return None
    return begun, max(begun, time.time() if ended is None else ended)


def why_over(trials: int, minutes: float, tally: Tally, grid: int | None = None) -> str:
    """The reason the search is over, or "" if it is not: a trial in the queue always begins."""
    if tally.states["waiting"]:
        return ""
    if trials and tally.taken >= trials:
        return f"All {trials:,} trials are done." if trials > 1 else "The only trial is done."
    if minutes and tally.minutes >= minutes:
        return f"The time limit of {minutes:g} minutes is reached."
    if grid is not None and tally.grid_points >= grid:
        done = f"All {grid:,} points of the grid are done" if grid > 1 else "The only point of the grid is done"
        passed_over = tally.states["infeasible"]
        return f"{done}; {passed_over:,} over budget or impossible to build." if passed_over else f"{done}."
    if tally.states["infeasible"] > FREE_PROPOSALS + PROPOSALS_PER_TRIAL * max(trials, tally.taken):
        return (
            f"{tally.states['infeasible']:,} proposals were over budget or could not be built. "
            "Narrow the space or raise the budget."
        )
    return ""


def fail_orphans(study: optuna.Study, name: str) -> int:
    """Fails the trials whose workers are gone, and puts each into the queue again once; how many there were.

    Only for whoever holds the study's lock: then a trial that names no worker was left by one that died beginning it.
    """
    storage, found = study._storage, 0
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if is_orphan(name, trial) or ("worker" not in trial.user_attrs and _is_left(storage, trial)):
            ended = _last_sign_of_life(trial)
            storage.set_trial_user_attr(trial._trial_id, "ended", ended)
            storage.set_trial_user_attr(trial._trial_id, "reason", "Its worker's process ended unexpectedly.")
            requeue_killed(study, trial)
            storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
            found += 1
    return found


def _is_left(storage: BaseStorage, trial: FrozenTrial) -> bool:
    """Of another machine's worker nothing is known, so its beginning is given a minute."""
    if storage._backend.engine.dialect.name == "sqlite":  # type: ignore[attr-defined]
        return True
    return trial.datetime_start is not None and time.time() - trial.datetime_start.timestamp() > 60


def _last_sign_of_life(trial: FrozenTrial) -> float:
    begun = trial.datetime_start.timestamp() if trial.datetime_start else time.time()
    try:
        return max(begun, (runs_folder() / str(trial.user_attrs["run_id"]) / layout.PROGRESS).stat().st_mtime)
    except (KeyError, OSError):
        return begun


def requeue_killed(study: optuna.Study, trial: FrozenTrial) -> None:
    """Queues a killed trial once more; also what Optuna calls for a trial whose heartbeats have ended."""
    begun = "worker" in trial.user_attrs
    kills = int(trial.user_attrs.get("kills") or 0) + begun
    has_values = trial.params or "fixed_params" in trial.system_attrs or "grid_id" in trial.system_attrs
    if kills <= RETRIES and has_values:
        requeue(study, trial, kills=kills)


def requeue(study: optuna.Study, trial: FrozenTrial, *, resumes: bool = False, **noted: Any) -> None:
    """Queues a trial with the same values to replace this one; each trial only once.

    With `resumes` its run is resumed; otherwise a new one starts from the beginning.
    """
    if trial.number in retried_numbers(study.get_trials(deepcopy=False)):
        return
    history = [*trial.system_attrs.get("retry_history", ()), trial.number]
    # What was reported at a rung belongs to the training that is resumed, not to one from the beginning.
    left = ("constraints",) if resumes else ("constraints", "completed_rung_")
    system = {key: value for key, value in trial.system_attrs.items() if not key.startswith(left)}
    kept = {key: value for key, value in trial.user_attrs.items() if key not in _OF_ONE_ATTEMPT}
    if resumes:
        kept["resumes"] = trial.user_attrs["run_id"]
    study.add_trial(
        create_trial(
            state=TrialState.WAITING,
            params=trial.params,
            distributions=trial.distributions,
            user_attrs={**kept, **noted},
            system_attrs={**system, "failed_trial": history[0], "retry_history": history},
            intermediate_values=trial.intermediate_values if resumes else None,
        )
    )


def new_owner(index: int) -> dict[str, Any]:
    """What a worker notes at each of its trials."""
    return {"host": processes.host_name(), "index": index, "token": f"{time.time_ns():x}"}


def iterate_feasible(trials: Sequence[FrozenTrial]) -> Iterator[FrozenTrial]:
    return (trial for trial in trials if trial.state == TrialState.COMPLETE and not is_infeasible(trial))
