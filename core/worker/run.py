"""One process, one run: waits for a device slot, trains, and records what the engine yields.

`python -m core.worker RUN_ID`. While it waits it has imported next to nothing, so that a hundred can wait.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from core.machine import queue
from core.runs import layout, presence
from core.runs.ends import describe_failure, end_run, leave_off, log, reserve_space
from core.system import files, processes
from core.system.errors import LabError
from core.system.folders import ID_PATTERN, runs_folder
from core.system.gc_pause import LoadingTorch
from core.system.locks import FileLock, RunsFolderError, no_locks, require_locks
from core.worker.stop import POLL_SECONDS, StopRequestedError, StopSignal

TYPE_CHECKING = False  # `typing` would cost every waiting worker memory.
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    import torch

    from core.engine.data import Data
    from core.engine.events import EpochEnd, Event, Started
    from core.spec import DataSpec, RunSpec
    from core.worker.recorder import Recorder

    Train = Callable[[Path, str, "StopSignal"], int]


class DeviceError(LabError):
    """The device that a spec names cannot be used."""

    kind = "device"


_REASONS = {
    "epochs": "All epochs done.",
    "early_stopping": "Stopped early: no lower validation loss.",
    "goal": "Stopped early: the accuracy asked for is reached.",
}


def main(run_id: str) -> int:
    """Trains one run to its end; 0 if it finished or was stopped.

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
        status = drive_run(runs, folder, stop, train_on)
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


def drive_run(runs: Path, folder: Path, stop: StopSignal, train: Train) -> int:
    """Takes a run whose lock this process holds from the queue to its end; `train` is called with a slot held.

    Raises FileNotFoundError if the run was deleted.
    """
    slot = None
    signs = threading.Thread(target=_give_signs_of_life, args=(folder, stop), name="signs of life", daemon=True)
    try:
        reserve_space(folder)
        who = {
            "process": processes.identify(os.getpid()),
            "folder": folder.stat().st_ino,
            "oom_kills": processes.count_oom_kills(),
        }
        files.write_json(folder / layout.WORKER, who)
        (folder / layout.LAUNCHED).unlink(missing_ok=True)
        files.set_aside(folder / layout.ENVIRONMENT)  # of an earlier process; until it trains, the run is queued
        signs.start()
        slot = _wait_for_slot(runs, folder, stop)
        if slot is None:
            return _stop(folder, stop, "Stopped while it waited in the queue.")
        return train(folder, slot.device, stop)
    except StopRequestedError:
        return _stop(folder, stop, "Stopped before the training began.")
    except Exception as error:  # whatever it is, the page shows it
        if not folder.is_dir():
            raise FileNotFoundError from error
        return end_run(folder, "failed", *describe_failure(error))
    finally:
        stop.over = True
        if signs.ident:
            signs.join(1)  # or its last sign could come after the last word
        presence.rest(folder)
        queue.leave_queue(runs, folder.name)
        if slot:
            slot.release()


def _give_signs_of_life(folder: Path, stop: StopSignal) -> None:
    """Until the run is over: machines on which its lock looks free tell by them that it is alive."""
    while not stop.over:
        presence.beat(folder)
        # In short steps, as a process that trains several runs has such a thread for each.
        for _ in range(int(presence.BEAT_SECONDS / POLL_SECONDS)):
            if stop.over:
                return
            time.sleep(POLL_SECONDS)


def _stop(folder: Path, stop: StopSignal, reason: str, epoch: int = 0) -> int:
    """The run's end, if somebody asked for it; otherwise the system ends this process, and the run may go on."""
    if stop.is_request():
        return end_run(folder, "stopped", reason, epoch=epoch)
    return leave_off(folder, signal.SIGTERM)


def _wait_for_slot(runs: Path, folder: Path, stop: StopSignal) -> queue.Slot | None:
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


def train_on(
    folder: Path,
    device: str,
    stop: StopSignal,
    *,
    load: Callable[[DataSpec], Data] | None = None,
    after_epoch: Callable[[EpochEnd], str] | None = None,
    untested: str = "",
) -> int:
    """Trains a run on a device that this process holds a slot of, from its newest checkpoint on.

    `load` replaces the loading of images, for a process that keeps them; `after_epoch` returns why the run is pruned,
    or ""; `untested` says why the run is not tested, or "".
    """
    started = {"started": time.time(), "device": device, "pid": os.getpid(), "hostname": processes.host_name()}
    files.write_json(folder / layout.ENVIRONMENT, started)
    stop.breaks_in = True
    stop.watch()
    # Torch is imported once the run is marked as running.
    with LoadingTorch():
        from core.engine import checkpoint
        from core.engine.branch import branch_off, take_weights
        from core.engine.data import load_data
        from core.engine.device import peak_memory
        from core.engine.train import train
        from core.runs.branches import read_branch
        from core.runs.folder import Run
        from core.worker.provenance import describe_start, tell_left_out
        from core.worker.recorder import Recorder

    run = Run(folder)
    recorder = Recorder(run, device, checkpoint.save)
    recorder.write_progress("loading", 0, 0, 1)
    torch_device, remarks = set_up_torch(run.spec, device, folder.parent)
    recorder.use.peak_memory = lambda: peak_memory(torch_device)
    data = (load or load_data)(run.spec.data)
    state, notes = recorder.restore(checkpoint.load, checkpoint.CheckpointError)
    if recorder.is_at_root and state is not None:
        record = read_branch(folder)
        if record and record["use"] == "weights":
            state, told = take_weights(state, run.spec, data, record.get("class_names", ()))
        else:
            state, told = branch_off(state, run.spec, data)
        notes = [*notes, *told]
    notes = [*remarks, *tell_left_out(data.left_out), *notes]
    for part in ("val", "test"):
        if len(labels := getattr(data, part).labels):
            recorder.write_predictions(f"{part}_labels", labels.cpu().numpy())
    # From here on the engine asks after every batch.
    stop.breaks_in = False
    for note in notes:
        log(note)
    for fault in data.left_out:
        log(f"Left out: {fault}")
    events = train(run.spec, data, resume=state, should_stop=lambda: stop.asked, device=torch_device, test=not untested)

    def describe(event: Started) -> dict[str, Any]:
        return started | describe_start(event, data, notes)

    return _record(events, recorder, stop, describe, after_epoch, untested)


def _record(
    events: Iterator[Event],
    recorder: Recorder,
    stop: StopSignal,
    describe: Callable[[Started], dict[str, Any]],
    after_epoch: Callable[[EpochEnd], str] | None,
    untested: str,
) -> int:
    """Records a training's events until the run has ended."""
    from core.doctor.watch import Watch
    from core.engine.events import EpochEnd, Finished, Started, Stopped
    from core.notify.announce import announce_figures
    from core.worker.recorder import describe_epoch

    run, watch = recorder.run, Watch(recorder.run.path, is_trial=bool(untested))
    for event in events:
        recorder.record(event)
        if isinstance(event, EpochEnd):
            log(describe_epoch(event.metrics, run.spec.train.epochs))
            announce_figures(run.path, event.metrics, is_trial=bool(untested))
            watch.look()
        match event:
            case Started():
                for note in event.notes:
                    log(note)
                files.write_json(run.path / layout.ENVIRONMENT, describe(event))
            case EpochEnd() if after_epoch and (reason := after_epoch(event)):
                return end_run(run.path, "pruned", reason, epoch=recorder.epoch)
            case Stopped():
                reason = f"Stopped on request in epoch {min(recorder.epoch + 1, run.spec.train.epochs)}."
                return _stop(run.path, stop, reason, recorder.epoch)
            case Finished():
                reason = _REASONS[event.reason]
                reason += f" Test images not looked at: {untested}." if untested else ""
                return end_run(run.path, "finished", reason, event.reason, event.metrics, epoch=recorder.epoch)
    raise RuntimeError("the training ended without saying how")


def set_up_torch(spec: RunSpec, device: str, runs: Path) -> tuple[torch.device, list[str]]:
    """Torch's device, with its threads set, and remarks for the log. Raises DeviceError."""
    import torch

    from core.engine.device import pick_threads

    remarks = []
    if device.startswith("cuda") and not torch.cuda.is_available():
        why = f"The installed torch {torch.__version__} cannot use {device}"
        if spec.train.device != "auto":
            raise DeviceError(f"{why}. Install a build of torch for it, or choose another device.")
        remarks.append(f"{why}, so this run trains on the CPU.")
        device = "cpu"
    # Runs that share the CPU share its cores; a run on a GPU hardly needs more than one.
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(pick_threads(queue.count_slots(runs, "cpu")))
    return torch.device(device), remarks
