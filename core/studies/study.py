"""One study, and all of them: what Optuna's storage says of their trials, and this machine's locks of their workers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial
from sqlalchemy.exc import DBAPIError

from core.runs import layout, presence
from core.spec.parse import SpecError
from core.studies.conclusions import describe, narrow
from core.studies.samplers import count_grid
from core.studies.spec import StudySpec, parse_study
from core.studies.storage import (
    StorageError,
    StudyError,
    explain,
    folder_of,
    is_made,
    open_storage,
    reopen_if_reused,
)
from core.studies.trials import (
    Tally,
    count_trials,
    iterate_feasible,
    moments_of,
    name_state,
    retried_numbers,
    why_over,
    worker_folder,
)
from core.system import files, locks

if TYPE_CHECKING:
    import pandas as pd

State = Literal["running", "paused", "finished", "empty"]
# The columns of `Study.trials`, besides those of the searched fields.
COLUMNS = ("number", "state", "value", "values")
MORE_COLUMNS = ("run_id", "reason", "started", "finished", "parameters", "worker", "joined")


class StudyNotFoundError(StudyError):
    """There is no study of this name."""


@dataclass(frozen=True)
class StudySummary:
    """One line of the table of studies; `total` is 0 if only time limits the study."""

    name: str
    state: State
    done: int
    failed: int
    pruned: int
    infeasible: int
    running: int
    queued: int  # for a device
    waiting: int
    total: int
    best_value: float | None
    objectives: tuple[str, ...]
    workers_alive: int
    created: float  # seconds since 1970
    stopping: bool
    reason: str  # why no further trial begins, or what ended the last worker


@contextmanager
def explained() -> Iterator[None]:
    """Turns the storage's errors into StudyErrors, and into StorageErrors where they may pass."""
    try:
        yield
    except (StorageInternalError, DBAPIError) as error:
        raise explain(error) from error


@lru_cache(maxsize=256)
def _parse(text: str) -> StudySpec:
    return parse_study(text)


def list_studies() -> list[StudySummary]:
    """Every study of the storage that was made here, the newest first. Raises StudyError."""
    if not is_made():
        return []
    with explained():
        storage = open_storage()
        made = [frozen for frozen in storage.get_all_studies() if "spec" in frozen.user_attrs]
        storage = reopen_if_reused(storage, {frozen._study_id: frozen.user_attrs.get("created") for frozen in made})
        found = [Study(frozen.study_name, storage, frozen.user_attrs) for frozen in made]
        summaries = [summary for study in found if (summary := study.try_summary())]
    return sorted(summaries, key=lambda summary: -summary.created)


def open_study(name: str, storage: BaseStorage | None = None) -> Study:
    """Raises StudyNotFoundError, StudyError."""
    with explained():
        opened = storage or open_storage()
        try:
            study_id = opened.get_study_id_from_name(name)
            attributes = opened.get_study_user_attrs(study_id)
        except KeyError:
            attributes = {}
        if "spec" not in attributes:
            raise StudyNotFoundError(f"There is no study {name!r}.")
        if storage is None:
            opened = reopen_if_reused(opened, {study_id: attributes.get("created")})
    return Study(name, opened, attributes)


class Study:
    """One study; its trials are read afresh at every question, of which only the unfinished ones cost."""

    def __init__(self, name: str, storage: BaseStorage, attributes: dict[str, Any]) -> None:
        self.name = name
        self.folder = folder_of(name)
        self._storage = storage
        self._attributes = attributes

    @cached_property
    def spec(self) -> StudySpec:
        """Raises StudyError if the storage holds no spec that this version can read."""
        try:
            return _parse(json.dumps(self._attributes["spec"]))
        except SpecError as error:
            raise StudyError(f"The spec of study {self.name} cannot be read: {error}") from error

    @property
    def created(self) -> float:
        return float(self._attributes.get("created") or 0.0)

    @property
    def started_by(self) -> str:
        """Who made it; nothing if nobody signs in."""
        return str(self._attributes.get("started_by") or "")

    def optuna(self) -> optuna.Study:
        """Optuna's own object, to read from."""
        with explained():
            return optuna.load_study(study_name=self.name, storage=self._storage)

    def frozen_trials(self) -> list[FrozenTrial]:
        """Optuna's trials, not to be changed."""
        with explained():
            return self.optuna().get_trials(deepcopy=False)

    def try_summary(self) -> StudySummary | None:
        """None for a study that was deleted meanwhile or that this version cannot read."""
        try:
            return self.summary()
        except StorageError:
            raise
        except (KeyError, StudyError):
            return None

    def summary(self) -> StudySummary:
        # Workers first: what one that has ended by now came to is among the trials that are read after it.
        alive = sum(map(self.is_worker_alive, self.worker_indices()))
        trials = self.frozen_trials()
        tally = count_trials(self.name, trials)
        over = self._why_over(tally)
        # A trial that runs on another machine keeps the study running too.
        is_running = alive or tally.states["running"] or tally.states["queued"]
        return StudySummary(
            name=self.name,
            state="running" if is_running else "finished" if over else "paused" if trials else "empty",
            done=tally.states["finished"],
            failed=tally.states["failed"],
            pruned=tally.states["pruned"],
            infeasible=tally.states["infeasible"],
            running=tally.states["running"],
            queued=tally.states["queued"],
            waiting=tally.states["waiting"],
            total=self.spec.trials + tally.joined if self.spec.trials else 0,
            best_value=self._best_value(trials),
            objectives=self.spec.objectives,
            workers_alive=alive,
            created=self.created,
            stopping=alive > 0 and (self.folder / layout.STOP).exists(),
            reason=over or self._last_words(alive),
        )

    def is_on_cluster(self) -> bool:
        """Whether its trials are trained on the cluster: where it was started last, which is no part of its spec."""
        return (files.find_note(self.folder / "wish.json") or {}).get("on") == "cluster"

    def why_over(self) -> str:
        """The reason nothing is left to do, or "" while a trial is to begin, trains, or was interrupted."""
        return self._why_over(count_trials(self.name, self.frozen_trials()))

    def is_exhausted(self) -> bool:
        """Whether no limit could let it go on: every point of its grid has a trial."""
        points = count_grid(self.spec)
        return points is not None and count_trials(self.name, self.frozen_trials()).grid_points >= points

    def propose_limits(self) -> tuple[int, float]:
        """Trials and minutes in all with which the search goes on: half as many again of what is used up."""
        tally, spec = count_trials(self.name, self.frozen_trials()), self.spec
        trials, minutes = spec.trials, spec.minutes
        if minutes and tally.minutes >= minutes:
            minutes = float(math.ceil(tally.minutes + minutes / 2))
        # Also as long as too many proposals were over budget, of which each trial allows some.
        while trials and why_over(trials, minutes, tally):
            trials += -(-spec.trials // 2)
        return trials, minutes

    def _why_over(self, tally: Tally) -> str:
        spec = self.spec
        return "" if tally.live else why_over(spec.trials, spec.minutes, tally, count_grid(spec))

    def _last_words(self, alive: int) -> str:
        """What ended the last worker, while none works and nobody asked it to stop."""
        if alive:
            return ""
        if end := files.find_note(self.folder / layout.END):
            return str(end.get("reason") or "")
        if self.worker_indices() and not (self.folder / layout.STOP).exists():
            return "Its workers ended unexpectedly: killed, out of memory, or the machine went down. It can be resumed."
        return ""

    def _best_value(self, trials: Sequence[FrozenTrial]) -> float | None:
        if len(self.spec.objectives) > 1:
            return None
        values = [trial.value for trial in iterate_feasible(trials) if trial.value is not None]
        return (max if self.spec.directions == ["maximize"] else min)(values, default=None)

    def worker_folder(self, index: int) -> Path:
        return worker_folder(self.name, index)

    def is_worker_alive(self, index: int) -> bool:
        folder = self.worker_folder(index)  # its workers give no signs of life to other machines
        return locks.is_locked(folder / layout.LOCK) or presence.is_starting(folder)

    def worker_indices(self) -> list[int]:
        """Numbers of the workers that the study ever had on this machine."""
        with suppress(OSError):
            return sorted(int(path.name) for path in (self.folder / "workers").iterdir() if path.name.isdigit())
        return []

    def trials(self) -> pd.DataFrame:
        """One row a trial: number, state, value, values, params.*, and `MORE_COLUMNS`.

        Times are seconds since 1970; a trial has started when it has a device. The state is waiting (in the study's
        queue), queued (for a device), running, interrupted, finished, pruned, failed, infeasible,
        retried (another trial replaced it) or void (it never began).
        """
        import pandas as pd

        trials = self.frozen_trials()
        retried = retried_numbers(trials)
        paths = [dimension.path for dimension in self.spec.space]
        rows = [self._row(trial, name_state(self.name, trial, retried), paths) for trial in trials]
        columns = [*COLUMNS, *(f"params.{path}" for path in paths), *MORE_COLUMNS]
        return pd.DataFrame(rows, columns=columns)

    def _row(self, trial: FrozenTrial, state: str, paths: Sequence[str]) -> dict[str, Any]:
        values = tuple(trial.values) if trial.values and state != "infeasible" else ()
        attributes, (started, finished) = trial.user_attrs, moments_of(trial)
        return {
            "number": trial.number,
            "state": state,
            "value": values[0] if values else None,
            "values": values,
            **{f"params.{path}": _param(trial, path) for path in paths},
            "run_id": attributes.get("run_id") or "",
            "reason": attributes.get("reason") or "",
            "started": started,
            "finished": finished,
            "parameters": attributes.get("parameters"),
            "worker": (attributes.get("worker") or {}).get("index"),
            "joined": bool(attributes.get("joined")),
        }

    def words(self) -> list[str]:
        """What mattered, and which range is worth searching next: a sentence or two."""
        return describe(self.spec, self.frozen_trials())

    def narrow(self) -> StudySpec:
        """The next study, around the best fifth of this one. Raises StudyError if it is too early."""
        try:
            return narrow(self.spec, self.frozen_trials())
        except ValueError as error:
            raise StudyError(str(error)) from error


def _param(trial: FrozenTrial, path: str) -> Any:
    """A trial's value at a path; for one in the queue that which was asked for."""
    return trial.params.get(path, trial.system_attrs.get("fixed_params", {}).get(path))
