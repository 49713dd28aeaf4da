"""Studies: makes, lists, opens and steers them. Optuna holds the trials; each trial is an ordinary run."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import optuna
from optuna.exceptions import DuplicatedStudyError, StorageInternalError
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial
from sqlalchemy.exc import DBAPIError

from core import files, processes, slots
from core.datafiles import DataError
from core.folders import runs_folder
from core.launcher import start_process
from core.locks import hold
from core.parse import SpecError
from core.run_folder import DamagedRunError, RunNotFoundError, RunSummary
from core.runs import ensure_folder, list_runs, open_run
from core.spec import RunSpec
from core.study_runs import make_joined_trial, place_spec
from core.study_samplers import grid_of
from core.study_spec import MAX_WORKERS, StudySpec, parse_study
from core.study_storage import StudyError, describe_trouble, folder_of, open_storage, shown_url, storage_url
from core.study_trials import Tally, count_trials, grid_points, iterate_feasible, name_state, retried_numbers, why_over
from core.study_words import describe, narrow

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Study",
    "StudyError",
    "StudyNotFoundError",
    "StudySummary",
    "create_study",
    "delete_study",
    "enqueue",
    "extend_study",
    "find_compatible",
    "join_runs",
    "list_studies",
    "open_study",
    "set_workers",
    "shown_url",
    "start_workers",
    "stop_study",
    "storage_url",
]

MAX_NAME = 50  # the tag `study:NAME` of its runs has room for so much
STOP_SECONDS = 20.0
State = Literal["running", "paused", "finished", "empty"]


class StudyNotFoundError(StudyError):
    """There is no study of this name."""


@dataclass(frozen=True)
class StudySummary:
    """One line of the table of studies; `total` is 0 where only time limits the study."""

    name: str
    state: State
    done: int
    failed: int
    pruned: int
    infeasible: int
    running: int
    waiting: int
    total: int
    best_value: float | None
    objectives: tuple[str, ...]
    workers_alive: int
    created: float  # seconds since 1970
    stopping: bool
    reason: str  # why no further trial begins, or what ended the last worker


def check_name(name: str) -> str:
    """The name without spaces around it. Raises StudyError."""
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME:
        raise StudyError(f"name: must have 1 to {MAX_NAME} characters")
    if not name.isprintable():
        raise StudyError("name: must not hold control characters")
    return name


@contextmanager
def telling() -> Iterator[None]:
    """Turns the storage's errors into StudyErrors."""
    try:
        yield
    except (StorageInternalError, DBAPIError) as error:
        raise StudyError(describe_trouble(error)) from error


def create_study(name: str, study_spec: StudySpec) -> None:
    """Makes a study without trials. Raises StudyError for a name that is taken, or a storage that cannot be used."""
    name = check_name(name)
    ensure_folder()
    with telling():
        storage = open_storage()
        try:
            made = optuna.create_study(storage=storage, study_name=name, directions=study_spec.directions)
        except DuplicatedStudyError:
            made = _adopt(name, storage, study_spec)
        folder_of(name).mkdir(parents=True, exist_ok=True)
        made.set_user_attr("created", time.time())
        made.set_user_attr("spec", study_spec.model_dump(mode="json"))


def _adopt(name: str, storage: BaseStorage, study_spec: StudySpec) -> optuna.Study:
    """The empty study that a crash left while it was made. Raises StudyError for any other of this name."""
    found = optuna.load_study(study_name=name, storage=storage)
    if "spec" in found.user_attrs or found.get_trials(deepcopy=False):
        raise StudyError(f"name: there is a study named {name} already")
    optuna.delete_study(study_name=name, storage=storage)
    return optuna.create_study(storage=storage, study_name=name, directions=study_spec.directions)


@lru_cache(maxsize=256)
def _parse(text: str) -> StudySpec:
    return parse_study(text)


def list_studies() -> list[StudySummary]:
    """Every study of the storage that was made here, the newest first. Raises StudyError."""
    if storage_url().startswith("sqlite") and not Path(runs_folder() / "studies.db").exists() and _is_default():
        return []
    with telling():
        storage = open_storage()
        found = [
            Study(frozen.study_name, storage, frozen.user_attrs)
            for frozen in storage.get_all_studies()
            if "spec" in frozen.user_attrs
        ]
        summaries = [summary for study in found if (summary := study.try_summary())]
    return sorted(summaries, key=lambda summary: -summary.created)


def _is_default() -> bool:
    return str(runs_folder()) in storage_url()


def open_study(name: str, storage: BaseStorage | None = None) -> Study:
    """Raises StudyNotFoundError, StudyError."""
    with telling():
        storage = storage or open_storage()
        try:
            study_id = storage.get_study_id_from_name(name)
            attributes = storage.get_study_user_attrs(study_id)
        except KeyError:
            attributes = {}
    if "spec" not in attributes:
        raise StudyNotFoundError(f"There is no study {name!r}.")
    return Study(name, storage, attributes)


class Study:
    """One study; its trials are read afresh at every question, of which only the unfinished ones cost."""

    def __init__(self, name: str, storage: BaseStorage, attributes: dict[str, Any]) -> None:
        self.name = name
        self.folder = folder_of(name)
        self._storage = storage
        self._attributes = attributes

    def __repr__(self) -> str:
        return f"Study({self.name})"

    @cached_property
    def spec(self) -> StudySpec:
        """Raises StudyError where the storage holds no spec that this version can read."""
        import json

        try:
            return _parse(json.dumps(self._attributes["spec"]))
        except SpecError as error:
            raise StudyError(f"The spec of study {self.name} cannot be read: {error}") from error

    @property
    def created(self) -> float:
        return float(self._attributes.get("created") or 0.0)

    def optuna(self) -> optuna.Study:
        """Optuna's own object, to read from."""
        with telling():
            return optuna.load_study(study_name=self.name, storage=self._storage)

    def frozen_trials(self) -> list[FrozenTrial]:
        """Optuna's trials, not to be changed."""
        with telling():
            return self.optuna().get_trials(deepcopy=False)

    def try_summary(self) -> StudySummary | None:
        """None for a study that was deleted meanwhile or that this version cannot read."""
        try:
            return self.summary()
        except (KeyError, StudyError):
            return None

    def summary(self) -> StudySummary:
        trials = self.frozen_trials()
        tally = count_trials(self.name, trials)
        alive = sum(slots.is_waiting(self.workers_folder, str(index)) for index in self.worker_indices())
        return StudySummary(
            name=self.name,
            state=self._state(trials, tally, alive),
            done=tally.states["finished"],
            failed=tally.states["failed"],
            pruned=tally.states["pruned"],
            infeasible=tally.states["infeasible"],
            running=tally.states["running"],
            waiting=tally.states["waiting"],
            total=self.spec.trials + tally.joined if self.spec.trials else 0,
            best_value=self._best_value(trials),
            objectives=self.spec.objectives,
            workers_alive=alive,
            created=self.created,
            stopping=alive > 0 and (self.folder / "stop").exists(),
            reason=self._why_over(trials, tally) or self._last_words(alive),
        )

    def _state(self, trials: Sequence[FrozenTrial], tally: Tally, alive: int) -> State:
        # A trial that runs on another machine keeps the study running too.
        if alive or tally.states["running"]:
            return "running"
        if not tally.states["interrupted"] and self._why_over(trials, tally):
            return "finished"
        return "paused" if trials else "empty"

    def _why_over(self, trials: Sequence[FrozenTrial], tally: Tally) -> str:
        grid = len_grid(self.spec)
        return why_over(self.spec.trials, self.spec.minutes, tally, grid, len(grid_points(trials)) if grid else 0)

    def _last_words(self, alive: int) -> str:
        """What made the last worker give up, while none works."""
        with suppress(files.DamagedFileError):
            return "" if alive else str((files.find_json(self.folder / "end.json") or {}).get("reason") or "")
        return ""

    def _best_value(self, trials: Sequence[FrozenTrial]) -> float | None:
        if len(self.spec.objectives) > 1:
            return None
        values = [trial.value for trial in iterate_feasible(trials) if trial.value is not None]
        return (max if self.spec.directions == ["maximize"] else min)(values, default=None)

    @property
    def workers_folder(self) -> Path:
        return self.folder / "workers"

    def worker_indices(self) -> list[int]:
        """Numbers of the workers that the study ever had on this machine."""
        with suppress(OSError):
            return sorted(int(path.name) for path in self.workers_folder.iterdir() if path.name.isdigit())
        return []

    def trials(self) -> pd.DataFrame:
        """One row a trial: number, state, value, values, params.*, and what stands in `_ABOUT`.

        Times are seconds since 1970. The state is waiting, running, interrupted, finished, pruned, failed, infeasible,
        retried (another trial took its place) or void (it never began).
        """
        import pandas as pd

        trials = self.frozen_trials()
        retried = retried_numbers(trials)
        paths = [dimension.path for dimension in self.spec.space]
        rows = [self._row(trial, name_state(self.name, trial, retried), paths) for trial in trials]
        columns = ["number", "state", "value", "values", *(f"params.{path}" for path in paths), *_ABOUT]
        return pd.DataFrame(rows, columns=columns)

    def _row(self, trial: FrozenTrial, state: str, paths: Sequence[str]) -> dict[str, Any]:
        values = tuple(trial.values) if trial.values and state != "infeasible" else ()
        attributes = trial.user_attrs
        return {
            "number": trial.number,
            "state": state,
            "value": values[0] if values else None,
            "values": values,
            **{f"params.{path}": _param(trial, path) for path in paths},
            "run_id": attributes.get("run_id") or "",
            "reason": attributes.get("reason") or "",
            "started": trial.datetime_start.timestamp() if trial.datetime_start else None,
            "finished": trial.datetime_complete.timestamp() if trial.datetime_complete else None,
            "parameters": attributes.get("parameters"),
            "worker": (attributes.get("worker") or {}).get("index"),
            "joined": bool(attributes.get("joined")),
        }

    def words(self) -> list[str]:
        """What mattered, and which range is worth searching next: a sentence or two."""
        with telling():
            return describe(self.spec, self.optuna())

    def narrow(self) -> StudySpec:
        """The next study, around the best fifth of this one. Raises StudyError where it is too early."""
        try:
            return narrow(self.spec, self.frozen_trials())
        except ValueError as error:
            raise StudyError(str(error)) from error


_ABOUT = ("run_id", "reason", "started", "finished", "parameters", "worker", "joined")


def _param(trial: FrozenTrial, path: str) -> Any:
    """A trial's value at a path; for one in the queue that which was asked for."""
    return trial.params.get(path, trial.system_attrs.get("fixed_params", {}).get(path))


def len_grid(spec: StudySpec) -> int | None:
    """Points of the grid that the study walks through, or None where it walks through none."""
    if spec.sampler != "grid":
        return None
    points = 1
    for values in grid_of(spec).values():
        points *= len(values)
    return points


def start_workers(name: str, count: int | None = None) -> None:
    """Lets so many workers search, by default as many as the spec says; those that work already stay.

    Resumes a study that was stopped. Raises StudyError where nothing is left to do, or no trial could train.
    """
    study = open_study(name)
    count = study.spec.workers if count is None else count
    _check_count(count)
    summary = study.summary()
    if summary.state == "finished":
        raise StudyError(f"{summary.reason} Allow more trials or time to go on.")
    _check_start(study.spec)
    with _control(study):
        for flag in ("stop", "stop-now", "end.json"):
            (study.folder / flag).unlink(missing_ok=True)
        _start_missing(study, count)


def _check_count(count: int) -> None:
    if not 1 <= count <= MAX_WORKERS:
        raise StudyError(f"workers = {count}: must be 1 to {MAX_WORKERS}")


def _check_start(spec: StudySpec) -> None:
    """What would fail every trial is told before the first."""
    from core.datasets import check_ready
    from core.devices import list_device_ids

    try:
        check_ready(spec.base.data)
    except DataError as error:
        raise StudyError(str(error)) from error
    devices = list_device_ids()
    if not any(slots.suits(spec.base.train.device, device, devices) for device in devices):
        raise StudyError(f"train.device = {spec.base.train.device}: this machine has {', '.join(devices)}.")


@contextmanager
def _control(study: Study) -> Iterator[None]:
    """One start, stop or change of workers at a time."""
    try:
        study.folder.mkdir(parents=True, exist_ok=True)
        with hold(study.folder / "control.lock"):
            yield
    except OSError as error:
        raise StudyError(f"The study's folder cannot be written: {error.strerror}.") from error


def _start_missing(study: Study, count: int) -> None:
    files.write_json(study.folder / "wish.json", {"workers": count})
    for index in range(count):
        folder = study.workers_folder / str(index)
        if slots.is_waiting(study.workers_folder, str(index)):
            continue
        folder.mkdir(parents=True, exist_ok=True)
        slots.mark_launch(folder)
        pid = start_process(["core.study_worker", study.name, str(index)], folder / "log.txt")
        slots.mark_launch(folder, pid)


def set_workers(name: str, count: int) -> None:
    """Adds workers to a running study, or lets some leave after their trial; 0 pauses it."""
    study = open_study(name)
    if count == 0:
        return stop_study(name)
    _check_count(count)
    with _control(study):
        if study.summary().workers_alive and not (study.folder / "stop").exists():
            _start_missing(study, count)
        else:
            files.write_json(study.folder / "wish.json", {"workers": count})
    return None


def stop_study(name: str, now: bool = False) -> None:
    """Pauses a study: after the trials that train, or at once; then they go back into the queue."""
    study = open_study(name)
    with _control(study):
        (study.folder / "stop").touch()
        if now:
            (study.folder / "stop-now").touch()


def extend_study(name: str, *, trials: int | None = None, minutes: float | None = None) -> None:
    """Changes how many trials, or how much time, a study may take. Raises StudyError, SpecError."""
    study = open_study(name)
    changes = {key: value for key, value in (("trials", trials), ("minutes", minutes)) if value is not None}
    spec = parse_study({**study.spec.model_dump(mode="json"), **changes})
    with telling():
        study.optuna().set_user_attr("spec", spec.model_dump(mode="json"))


def delete_study(name: str) -> None:
    """Stops a study and removes it with its trials; their runs stay. Raises StudyError where a worker does not end."""
    study = open_study(name)
    stop_study(name, now=True)
    with _control(study):
        if not _wait_for(lambda: not study.summary().workers_alive, STOP_SECONDS):
            _kill_workers(study)
            if not _wait_for(lambda: not study.summary().workers_alive, 5):
                raise StudyError("A worker of this study does not end, so it was kept. Try again in a moment.")
        with telling():
            optuna.delete_study(study_name=name, storage=study._storage)
        shutil.rmtree(study.folder, ignore_errors=True)


def _kill_workers(study: Study) -> None:
    for index in study.worker_indices():
        with suppress(files.DamagedFileError):
            recorded = files.find_json(study.workers_folder / str(index) / "worker.json")
            if recorded and slots.is_waiting(study.workers_folder, str(index)):
                processes.kill(recorded["process"])


def _wait_for(question: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not question():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def enqueue(name: str, run_spec: RunSpec) -> None:
    """Makes a spec the study's next trial. Raises SpecError where it is outside of the space, naming the fields."""
    study = open_study(name)
    values = place_spec(study.spec, run_spec)
    with telling():
        study.optuna().enqueue_trial(values, user_attrs={"queued": True})


def join_runs(name: str, run_ids: Sequence[str]) -> int:
    """Lets finished runs join as finished trials, each once; how many joined.

    Raises SpecError with the reason where the only run that was named cannot join; RunNotFoundError.
    """
    study = open_study(name)
    with telling(), _control(study):
        inner = study.optuna()
        known = {trial.user_attrs.get("run_id") for trial in inner.get_trials(deepcopy=False)}
        joined = 0
        for run_id in dict.fromkeys(run_ids):
            if run_id in known:
                continue
            try:
                inner.add_trial(make_joined_trial(study.spec, open_run(run_id)))
                joined += 1
            except (SpecError, ValueError, DamagedRunError):
                if len(run_ids) == 1:
                    raise
        return joined


def find_compatible(name: str) -> list[RunSummary]:
    """Finished runs that could join the study and have not."""
    study = open_study(name)
    known = {trial.user_attrs.get("run_id") for trial in study.frozen_trials()}
    found = []
    for summary in list_runs():
        if summary.state == "finished" and summary.id not in known:
            with suppress(SpecError, ValueError, DamagedRunError, RunNotFoundError):
                make_joined_trial(study.spec, open_run(summary.id))
                found.append(summary)
    return found
