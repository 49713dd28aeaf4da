"""Studies: makes, lists, opens and steers them. Optuna holds the trials; each trial is an ordinary run."""

from __future__ import annotations

import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import optuna
from optuna.exceptions import DuplicatedStudyError
from optuna.storages import BaseStorage

from core.data.store import DataError
from core.launch.environment import worker_environment
from core.machine import queue
from core.runs import layout, presence
from core.runs.listing import list_runs
from core.runs.records import RunSummary
from core.runs.store import ensure_folder, open_run
from core.spec import RunSpec
from core.studies.objectives import OBJECTIVES
from core.studies.runs import make_joined_trial, place_spec
from core.studies.spec import MAX_WORKERS, StudySpec, parse_study
from core.studies.storage import StudyError, folder_of, open_storage
from core.studies.study import Study, explained, open_study
from core.system import files, processes
from core.system.child import start_process
from core.system.errors import LabError
from core.system.locks import hold

MAX_NAME = 50  # the tag `study:NAME` of its runs has room for no more
STOP_SECONDS = 20.0


def check_name(name: str) -> str:
    """The name without spaces around it. Raises StudyError."""
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME:
        raise StudyError(f"name: must have 1 to {MAX_NAME} characters")
    if not name.isprintable():
        raise StudyError("name: must not hold control characters")
    return name


def create_study(name: str, study_spec: StudySpec, *, started_by: str = "") -> None:
    """Makes a study without trials; its runs are kept as started by whoever made it.

    Raises StudyError for a name that is taken, or a storage that cannot be used.
    """
    name = check_name(name)
    with explained(), _making():
        storage = open_storage()
        try:
            made = optuna.create_study(storage=storage, study_name=name, directions=study_spec.directions)
        except DuplicatedStudyError:
            made = _adopt(name, storage, study_spec)
        folder_of(name).mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # called experimental
            # What optuna-dashboard and a notebook call them.
            made.set_metric_names([OBJECTIVES[objective].label for objective in study_spec.objectives])
        made.set_user_attr("created", time.time())
        if started_by:
            made.set_user_attr("started_by", started_by)
        made.set_user_attr("spec", study_spec.model_dump(mode="json"))


@contextmanager
def _making() -> Iterator[None]:
    """One study is made at a time: another that is half made looks as if a crash had left it so."""
    try:
        with hold(ensure_folder() / ".studies.making.lock"):
            yield
    except OSError as error:
        raise StudyError(f"The runs folder cannot be written: {error.strerror}.") from error


def _adopt(name: str, storage: BaseStorage, study_spec: StudySpec) -> optuna.Study:
    """The empty study that a crash left while it was made. Raises StudyError for any other of this name."""
    found = optuna.load_study(study_name=name, storage=storage)
    if "spec" in found.user_attrs or found.get_trials(deepcopy=False):
        raise StudyError(f"name: there is a study named {name} already")
    optuna.delete_study(study_name=name, storage=storage)
    return optuna.create_study(storage=storage, study_name=name, directions=study_spec.directions)


def start_workers(name: str, count: int | None = None, on: str | None = None) -> None:
    """Starts workers up to `count`, by default the spec's number; those already running stay.

    `on` is where trials are trained, "here" or on the "cluster"; by default where they were before.

    Resumes a study that was stopped. Raises StudyError if nothing is left to do, or no trial could train.
    """
    study = open_study(name)
    count = study.spec.workers if count is None else count
    _check_count(count)
    if over := study.why_over():
        raise StudyError(over if study.is_exhausted() else f"{over} Allow more trials or time to go on.")
    on = on or ("cluster" if study.is_on_cluster() else "here")
    check_start(study.spec, on)
    with _control(study):
        for flag in (layout.STOP, "stop-now", layout.END, layout.TOLD):
            (study.folder / flag).unlink(missing_ok=True)
        _start_missing(study, count, on)


def _check_count(count: int) -> None:
    if not 1 <= count <= MAX_WORKERS:
        raise StudyError(f"workers = {count}: must be 1 to {MAX_WORKERS}")


def check_start(spec: StudySpec, on: str = "here") -> None:
    """Raises StudyError for what would fail every trial: images that are not here, a device that is not there."""
    from core.data.catalogue import check_ready
    from core.launch.launcher import LauncherError, require_place
    from core.machine.devices import list_device_ids

    try:
        check_ready(spec.base.data)
    except DataError as error:
        raise StudyError(str(error)) from error
    if on == "cluster":
        try:
            return require_place(spec.base)
        except LauncherError as error:
            raise StudyError(str(error)) from error
    devices = list_device_ids()
    if not any(queue.suits(spec.base.train.device, device, devices) for device in devices):
        raise StudyError(f"train.device = {spec.base.train.device}: this machine has {', '.join(devices)}.")
    return None


@contextmanager
def _control(study: Study) -> Iterator[None]:
    """One start, stop or change of workers at a time."""
    try:
        study.folder.mkdir(parents=True, exist_ok=True)
        with hold(study.folder / layout.CONTROL):
            yield
    except OSError as error:
        raise StudyError(f"The study's folder cannot be written: {error.strerror}.") from error


def _start_missing(study: Study, count: int, on: str) -> None:
    files.write_json(study.folder / "wish.json", {"workers": count, "on": on})
    for index in range(count):
        if study.is_worker_alive(index):
            continue
        folder = study.worker_folder(index)
        folder.mkdir(parents=True, exist_ok=True)
        presence.mark_launch(folder)
        command = ["core.studies.worker", study.name, str(index)]
        pid = start_process(command, folder / layout.LOG, worker_environment())
        presence.mark_launch(folder, pid)


def set_workers(name: str, count: int) -> None:
    """Adds workers to a running study, or ends some after their trial; 0 pauses it."""
    study = open_study(name)
    if count == 0:
        stop_study(name)
        return
    _check_count(count)
    on = "cluster" if study.is_on_cluster() else "here"
    with _control(study):
        if study.summary().workers_alive and not (study.folder / layout.STOP).exists():
            _start_missing(study, count, on)
        else:
            files.write_json(study.folder / "wish.json", {"workers": count, "on": on})


def stop_study(name: str, now: bool = False) -> None:
    """Pauses a study: after the trials that train, or at once; then they go back into the queue."""
    study = open_study(name)
    with _control(study):
        (study.folder / layout.STOP).touch()
        if now:
            (study.folder / "stop-now").touch()


def extend_study(name: str, *, trials: int | None = None, minutes: float | None = None) -> None:
    """Changes how many trials, or how much time, a study may take. Raises StudyError, SpecError."""
    study = open_study(name)
    if study.is_exhausted():
        raise StudyError("Every point of the grid has its trial: no limit lets it go on. Clone it to widen its space.")
    changes = {key: value for key, value in (("trials", trials), ("minutes", minutes)) if value is not None}
    spec = parse_study({**study.spec.model_dump(mode="json"), **changes})
    with explained():
        study.optuna().set_user_attr("spec", spec.model_dump(mode="json"))


def delete_study(name: str) -> None:
    """Stops a study and removes it with its trials; their runs stay. Raises StudyError if a worker does not end."""
    study = open_study(name)
    stop_study(name, now=True)
    with _control(study):
        if not _wait_for(lambda: not study.summary().workers_alive, STOP_SECONDS):
            _kill_workers(study)
            if not _wait_for(lambda: not study.summary().workers_alive, 5):
                raise StudyError("A worker of this study does not end, so it was kept. Try again in a moment.")
        with explained():
            optuna.delete_study(study_name=name, storage=study._storage)
        shutil.rmtree(study.folder, ignore_errors=True)


def _kill_workers(study: Study) -> None:
    for index in study.worker_indices():
        recorded = files.find_note(study.worker_folder(index) / layout.WORKER) or {}
        if recorded.get("process") and study.is_worker_alive(index):
            processes.kill(recorded["process"])


def _wait_for(question: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not question():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def enqueue(name: str, run_spec: RunSpec) -> None:
    """Makes a spec the study's next trial. Raises SpecError if it is outside of the space, naming the fields."""
    study = open_study(name)
    values = place_spec(study.spec, run_spec)
    with explained():
        study.optuna().enqueue_trial(values, user_attrs={"queued": True})


def join_runs(name: str, run_ids: Sequence[str]) -> int:
    """Adds finished runs as finished trials, each once; how many were added.

    Raises SpecError with the reason if the only run that was named cannot join; RunNotFoundError.
    """
    study = open_study(name)
    with explained(), _control(study):
        inner = study.optuna()
        known = {trial.user_attrs.get("run_id") for trial in inner.get_trials(deepcopy=False)}
        joined = 0
        for run_id in dict.fromkeys(run_ids):
            if run_id in known:
                continue
            try:
                inner.add_trial(make_joined_trial(study.spec, open_run(run_id)))
                joined += 1
            except (LabError, ValueError):
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
            with suppress(LabError, ValueError):
                make_joined_trial(study.spec, open_run(summary.id))
                found.append(summary)
    return found
