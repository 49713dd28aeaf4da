"""One process, one run: waits for a place, has it trained there, and writes its end.

`python -m core.worker RUN_ID`. While it waits it has imported next to nothing, so that a hundred can wait. Where
a run's events come from is another module's: `core.worker.local` has the engine in this process, `core.cluster` a
node's stream.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

from core.machine import queue
from core.runs import layout, presence
from core.runs.ends import describe_failure, end_run, log, reserve_space
from core.system import files, processes
from core.system.errors import LabError
from core.system.folders import ID_PATTERN, runs_folder
from core.system.gc_pause import LoadingTorch
from core.system.locks import FileLock, RunsFolderError, no_locks, require_locks
from core.worker.local import DeviceError, train_on
from core.worker.stop import POLL_SECONDS, StopRequestedError, StopSignal, end_stopped

TYPE_CHECKING = False  # `typing` would cost every waiting worker memory.
if TYPE_CHECKING:
    from collections.abc import Callable

    Wait = Callable[[Path, Path, "StopSignal"], queue.Slot | None]
    Train = Callable[[Path, str, "StopSignal"], int]


class PlaceLostError(LabError):
    """The place where a run was trained is gone, through no fault of the run's: it goes on in another."""


def main(run_id: str) -> int:
    """As `hold_run`, on a device of this machine."""
    return hold_run(run_id, train_on)


def hold_run(run_id: str, train: Train, wait: Wait | None = None) -> int:
    """Takes one run to its end; 0 if it finished or was stopped. `train` and `wait` as for `drive_run`.

    A run that an earlier process left without an end goes on from its newest checkpoint.
    """
    runs = runs_folder()
    folder = runs / run_id
    if not ID_PATTERN.fullmatch(run_id) or not folder.is_dir():
        return _say("There is no such run.")
    # Before the lock: a run shown as queued or running must heed every request to stop.
    stop = StopSignal(folder)
    stop.listen()
    lock = FileLock(folder / layout.LOCK)
    try:
        require_locks(runs)
        # Readers of the run's state share the lock for a moment, hence the two seconds.
        if not lock.acquire(2):
            return _say("Another process already holds this run.")
        if (folder / layout.END).exists():
            return _say("This run has ended already.")
        if rival := presence.find_rival(folder, stop.is_set):
            return _say(f"The machine {rival} trains this run: {no_locks(runs, 'both machines got the same lock')}")
        if stop.is_set() and presence.find_holder_elsewhere(folder, presence.SKEW_SECONDS):
            return _say("Ended before it was known whether another machine trains this run.")
        status = drive_run(runs, folder, stop, train, wait)
    except RunsFolderError as error:
        return _say(str(error))
    except FileNotFoundError:
        if folder.is_dir():
            raise
        return _say("The run was deleted.")
    finally:
        lock.release()
    # Whatever that takes, the run is free by then and the next in the queue trains.
    from core.notify.announce import announce_end

    announce_end(folder)
    if (folder / layout.METRICS).exists():
        from core.doctor.watch import look_once

        look_once(folder)
    return status


def stand_by() -> int:
    """Loads torch, waits for a line `{"run": ..., "log": ...}`, and is that run's worker; ends if its input closes."""
    with LoadingTorch():
        from core.engine.estimate import warm_up

        warm_up()
    line = sys.stdin.readline()
    if not line:
        return 0
    task = json.loads(line)
    with open(task["log"], "ab") as log, open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        for descriptor in (1, 2):
            os.dup2(log.fileno(), descriptor)
    return main(task["run"])


def _say(sentence: str) -> int:
    log(sentence)
    return 1


def drive_run(runs: Path, folder: Path, stop: StopSignal, train: Train, wait: Wait | None = None) -> int:
    """Takes a run whose lock this process holds from the queue to its end.

    `wait` returns a place once it is this run's turn, None if it was stopped first; by default a slot of a device here.
    `train` is called with the place held, and again with another where it raises PlaceLostError. Raises
    FileNotFoundError if the run was deleted.
    """
    slot, over = None, threading.Event()
    signs = threading.Thread(target=_give_signs_of_life, args=(folder, over), name="signs of life", daemon=True)
    try:
        reserve_space(folder)
        who = {
            "process": processes.identify(os.getpid()),
            "folder": folder.stat().st_ino,
            "oom_kills": processes.count_oom_kills(),
        }
        files.write_json(folder / layout.WORKER, who)
        (folder / layout.LAUNCHED).unlink(missing_ok=True)
        signs.start()
        while True:
            files.set_aside(folder / layout.ENVIRONMENT)  # of an earlier place; until it trains, the run is queued
            slot = (wait or wait_for_slot)(runs, folder, stop)
            if slot is None:
                return end_stopped(folder, stop, "Stopped while it waited in the queue.")
            try:
                return train(folder, slot.device, stop)
            except PlaceLostError as error:
                log(str(error))
                slot.release()
    except StopRequestedError as error:
        return end_stopped(folder, stop, str(error) or "Stopped before the training began.")
    except Exception as error:  # whatever it is, the page shows it
        stop.breaks_in = False  # or a request to stop would take its place, and the run had no end
        if not folder.is_dir():
            raise FileNotFoundError from error
        return end_run(folder, "failed", *describe_failure(error))
    finally:
        stop.over = True
        over.set()
        if signs.ident:
            signs.join(1)  # or its last sign could come after the last word
        presence.rest(folder)
        queue.leave_queue(runs, folder.name)
        if slot:
            slot.release()


def _give_signs_of_life(folder: Path, over: threading.Event) -> None:
    """Until the run is over: machines on which its lock looks free tell by them that it is alive."""
    presence.beat(folder)
    while not over.wait(presence.BEAT_SECONDS):
        presence.beat(folder)


def wait_for_slot(runs: Path, folder: Path, stop: StopSignal) -> queue.Slot | None:
    """A slot on a device that suits the run; None if the run was stopped first. Raises DeviceError."""
    wanted = str(files.read_json(folder / layout.SPEC).get("train", {}).get("device", "auto"))
    devices = _find_devices()
    if not any(queue.suits(wanted, device, devices) for device in devices):
        raise DeviceError(f"train.device = {wanted}: this machine has only {', '.join(devices)}.")
    about = files.find_json(folder / layout.ABOUT) or {}
    queue.enqueue(runs, folder.name, wanted, int(about.get("priority") or 0))
    log(f"Waiting for a slot on {wanted}.")
    while not stop.is_set():
        if slot := queue.take_slot(runs, folder.name, devices):
            log(f"Training on {slot.device}.")
            return slot
        if not folder.is_dir():
            raise FileNotFoundError
        time.sleep(POLL_SECONDS)
    return None


def _find_devices() -> list[str]:
    listed = os.environ.get("RESNET_LAB_DEVICES")
    if listed:
        return listed.split(",")
    from core.machine.devices import list_device_ids

    return list_device_ids()
