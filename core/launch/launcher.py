"""Starts, stops, resumes and deletes runs; names the worker, never imports it: torch stays out of this process."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from core.launch.environment import worker_environment
from core.launch.estimates import keep_forecast
from core.launch.standby import SETTLE_SECONDS, STANDBY
from core.machine import places, queue
from core.machine.devices import list_device_ids
from core.machine.nodes import read_cluster
from core.notify.announce import announce_crash
from core.runs import layout, presence
from core.runs.crashes import note_crash
from core.runs.folder import Run
from core.runs.place import leave_cluster, read_place, write_place
from core.runs.records import About, RunNotFoundError
from core.runs.store import Fill, open_run, publish_run
from core.spec import RunSpec
from core.spec.settings import set_values
from core.system import files
from core.system.child import reap, start_process
from core.system.errors import LabError
from core.system.folders import runs_folder
from core.system.locks import FileLock, hold
from core.text.words import count_of

MAX_SEEDS = 100
STOP_SECONDS = 5.0  # before a run that is to be deleted is killed
NOTHING_SAID = About()
PLACES = ("here", "cluster")  # where a run is trained, which is no part of its spec


class LauncherError(LabError):
    """What was asked cannot be done to this run."""


def start_run(
    spec: RunSpec, about: About = NOTHING_SAID, *, click_key: str = "", fill: Fill | None = None, on: str = "here"
) -> str:
    """Creates a run and starts its worker; a repeat of the same click starts nothing more.

    `fill` adds to the run's folder before anybody sees it; `on` is one of PLACES.

    Raises RunsFolderError, LauncherError if no process can start or no node of the cluster can ever train it.
    """
    if on == "cluster":
        require_place(spec)
    run_id, made = publish_run(spec, about, click_key, partial(_fill, fill, on))
    if made:
        run = open_run(run_id)
        with _control(run):
            if on == "here":  # what was measured was measured here
                keep_forecast(spec, run.path)
            _launch(run)
    return run_id


def require_place(spec: RunSpec) -> None:
    """Raises LauncherError if there is no cluster, or none of its nodes can ever train a run of this spec."""
    if why := places.explain_never(read_cluster(runs_folder()), spec.train.device):
        raise LauncherError(why)


def explain_wait(run: Run) -> str:
    """What a queued run waits for and how many are before it, or why no node of the cluster can train it now.

    Empty while its worker is only about to join the queue.
    """
    if read_place(run.path) is None:
        waiting = _list_waiting(runs_folder())
        if run.id not in waiting:
            return ""
        before = waiting.index(run.id)
        turn = f"{count_of(before, 'run')} before it in the queue" if before else "next in the queue"
        return f"Waiting for a free device, {turn}."
    why = places.explain_never(read_cluster(runs_folder()), run.spec.train.device)
    return f"{why} To train it here: Stop, then Resume." if why else places.WAITING


def _fill(fill: Fill | None, on: str, folder: Path) -> None:
    if fill:
        fill(folder)
    if on == "cluster":
        write_place(folder, {})


def start_seeds(
    spec: RunSpec, n: int, about: About = NOTHING_SAID, *, click_key: str = "", on: str = "here"
) -> list[str]:
    """Starts n runs of a spec that differ in their seed, counted up from the spec's own.

    Raises AboutError for a name that is too long with its seed, SpecError for a seed out of range, else as `start_run`.
    """
    if not 1 <= n <= MAX_SEEDS:
        raise ValueError(f"1 to {MAX_SEEDS} seeds at once")
    seeds = range(spec.train.seed, spec.train.seed + n)
    # All are checked before the first is made, because the last seed may be beyond the range.
    specs = [set_values(spec, {"train.seed": seed}) for seed in seeds]
    named = [replace(about, name=f"{about.name} seed {seed}".strip()) for seed in seeds]
    keys = [f"{click_key}#{seed}" if click_key else "" for seed in seeds]
    return [start_run(one, said, click_key=key, on=on) for one, said, key in zip(specs, named, keys, strict=True)]


def resume_run(run_id: str) -> None:
    """Puts a stopped, failed or interrupted run back into the queue.

    Raises RunNotFoundError, NoSpecError, LauncherError.
    """
    run = open_run(run_id)
    run.require_own()
    with _control(run):
        state = run.state()
        if state == "damaged":
            raise LauncherError(f"This run is damaged and cannot be resumed: {run.damage()}")
        if state in ("queued", "running"):
            raise LauncherError(f"This run is already {state}.")
        if state in ("finished", "pruned"):
            raise LauncherError(f"This run is {state}: there is nothing left to train.")
        _restart(run)


def measure_test(run_id: str) -> None:
    """Evaluates a finished run on the test images that it did not use: its end is written again, with them.

    Raises RunNotFoundError, NoSpecError, LauncherError.
    """
    from core.data.catalogue import check_ready
    from core.data.store import DataError

    run = open_run(run_id)
    run.require_own()
    with _control(run):
        summary = run.summary()
        if summary.state != "finished":
            raise LauncherError(f"Only a finished run can be tested; this one is {summary.state}.")
        if not summary.is_untested:
            raise LauncherError("This run has looked at its test images already.")
        if not run.checkpoints():
            raise LauncherError("The checkpoints of this run are gone, so there are no weights to test.")
        try:
            check_ready(run.spec.data)
        except DataError as error:
            raise LauncherError(str(error)) from error
        _restart(run)


def _restart(run: Run) -> None:
    # Its worker has written the end, and may be about to release the lock.
    if not _wait_until(lambda: not run.is_alive(), 10):
        raise LauncherError("This run's last process has not ended yet. Try again in a moment.")
    if read_place(run.path) is not None and places.explain_never(read_cluster(runs_folder()), run.spec.train.device):
        leave_cluster(run.path)  # exactly as there, with the precision and threads that it began with
    reopen_run(run)
    _launch(run)


def reopen_run(run: Run) -> None:
    """Prepares the folder of an idle run to continue from its newest checkpoint."""
    # In this order the folder is consistent at every moment: ended or interrupted, then queued.
    files.set_aside(run.path / layout.ENVIRONMENT)
    (run.path / layout.STOP).unlink(missing_ok=True)
    presence.mark_launch(run.path)
    (run.path / layout.END).unlink(missing_ok=True)
    files.sync_folder(run.path)


def request_stop(run_id: str) -> bool:
    """Asks a run to stop after its current step, with a checkpoint; False if it is over already."""
    run = open_run(run_id)
    with _control(run):
        if run.state() not in ("queued", "running"):
            return False
        (run.path / layout.STOP).touch()
        return True


def kill_run(run_id: str) -> bool:
    """Kills a run's process; what it learned since its last checkpoint is lost.

    False, and no signal is sent, if the recorded process is no longer this run's worker.
    """
    run = open_run(run_id)
    with _control(run):
        if not run.is_alive():
            return False
        (run.path / layout.STOP).touch()
        if host := presence.find_holder_elsewhere(run.path):
            raise LauncherError(f"This run trains on the machine {host}, where alone it can be ended at once.")
        return run.kill() and _wait_until(lambda: not run.is_alive(), 5)


def run_next(run_id: str) -> bool:
    """Moves a queued run to the head of the queue; False if it is not queued."""
    run = open_run(run_id)
    priority = queue.move_to_head(runs_folder(), run_id)
    if priority is None:
        return False
    run.update_about(priority=priority)
    return True


def delete_run(run_id: str) -> None:
    """Stops a run if it is training, then removes it in one step: nobody ever sees half of it.

    Raises RunNotFoundError, LauncherError if its process does not end.
    """
    run = open_run(run_id)
    trash = runs_folder() / ".trash"
    _clear_locks(run.path)
    with _control(run), FileLock(run.path / layout.LOCK) as lock:
        if run.is_alive() or presence.is_starting(run.path):
            (run.path / layout.STOP).touch()
        # Held, so that a worker just launched cannot start in a folder that is about to be deleted.
        if not lock.acquire(STOP_SECONDS) and not (run.kill() and lock.acquire(5)):
            raise LauncherError("This run's process does not end, so the run was kept. Try again in a moment.")
        if not _wait_until(lambda: not presence.find_holder_elsewhere(run.path), STOP_SECONDS):
            raise LauncherError("Another machine trains this run and has not ended it yet. Try again in a moment.")
        queue.leave_queue(runs_folder(), run_id)
        trash.mkdir(exist_ok=True)
        os.rename(run.path, trash / f"{run_id}-{time.time_ns()}")
    shutil.rmtree(trash, ignore_errors=True)


def _clear_locks(folder: Path) -> None:
    """Moves aside what stands in place of a lock's file, and which nobody can hold."""
    for path in (folder / layout.CONTROL, folder / layout.LOCK):
        if os.path.lexists(path) and (path.is_symlink() or not path.is_file()):
            with suppress(OSError):  # it is told when the lock is taken
                os.rename(path, path.with_name(f".{path.name}-{time.time_ns()}"))


@contextmanager
def _control(run: Run) -> Iterator[None]:
    """One start, stop, resume or delete of a run at a time. Raises RunNotFoundError if it was deleted meanwhile."""
    try:
        with hold(run.path / layout.CONTROL):
            yield
    except FileNotFoundError:
        raise RunNotFoundError(f"There is no run {run.id}.") from None
    except OSError as error:
        raise LauncherError(f"The run's folder cannot be written: {error.strerror}.") from error


def _wait_until(is_so: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def _launch(run: Run) -> None:
    """Queues the run and starts its worker, or the process that keeps it while a node trains it."""
    device = run.spec.train.device
    if read_place(run.path) is not None:
        device = places.ask_for(device)
    queue.enqueue(runs_folder(), run.id, device, run.about.priority)
    try:
        pid = _start_process(run)
    except OSError as error:
        queue.leave_queue(runs_folder(), run.id)
        (run.path / layout.LAUNCHED).unlink(missing_ok=True)
        raise LauncherError(f"The run was made, but its process could not start: {error.strerror}.") from error
    presence.mark_launch(run.path, pid)


def _start_process(run: Run) -> int:
    log_path, ended = run.path / layout.LOG, partial(_note_end, run.path)
    if read_place(run.path) is not None:
        return start_process(["core.cluster.proxy", run.id], log_path, worker_environment(), ended)
    if _can_start_now(run) and (process := STANDBY.take(run.id, log_path, worker_environment())):
        reap(process, ended)
        return process.pid
    STANDBY.rest(run.id)
    return start_process(["core.worker", run.id], log_path, worker_environment(), ended)


def _can_start_now(run: Run) -> bool:
    """Whether the run can start now. If not, it gets a plain worker, because a queued one must stay small."""
    runs, devices = runs_folder(), list_device_ids()
    if set(_list_waiting(runs)) - {run.id}:
        return False
    suited = [device for device in devices if queue.suits(run.spec.train.device, device, devices)]
    return any(holder is None for device in suited for holder in queue.read_slots(runs, device))


def prepare_worker(delay: float = SETTLE_SECONDS) -> None:
    """Gets a standby worker ready, if this process keeps one: somebody may be about to start a run."""
    if STANDBY.enabled:
        STANDBY.prepare(worker_environment(), delay)


def _list_waiting(runs: Path) -> list[str]:
    """Runs in the queue, the next one first, without stale tickets of killed workers."""
    return [ticket.run_id for ticket in queue.read_queue(runs) if presence.is_waiting(runs / ticket.run_id)]


def _note_end(folder: Path, process: dict[str, Any] | None, status: int) -> None:
    """Records a worker's crash; its run has ended, so the next standby worker loads, unless another run starts."""
    note_crash(folder, process, status)
    if status:
        announce_crash(folder)
    if not STANDBY.enabled:
        return
    with suppress(OSError, RuntimeError, LabError):  # nobody waits for it
        runs, trained = folder.parent, files.find_json(folder / layout.ENVIRONMENT)
        if trained and not _list_waiting(runs) and None in queue.read_slots(runs, str(trained.get("device"))):
            STANDBY.wake(folder.name)
            prepare_worker(0.0)
