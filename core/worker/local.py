"""Trains a run by the engine in this process, on a device that it holds a slot of."""

from __future__ import annotations

import os
import time
from pathlib import Path

from core.machine import queue
from core.runs import layout
from core.runs.ends import log
from core.system import files, processes
from core.system.errors import LabError
from core.system.gc_pause import LoadingTorch

TYPE_CHECKING = False  # `typing` would cost every waiting worker memory.
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    import torch

    from core.engine.data import Data
    from core.engine.events import Event, Started
    from core.spec import DataSpec, RunSpec
    from core.worker.driving import AfterEpoch
    from core.worker.stop import StopSignal


class DeviceError(LabError):
    """The device that a spec names cannot be used."""

    kind = "device"


class LocalEngine:
    """The engine in this process as a source of events."""

    def __init__(self, events: Iterator[Event], started: dict[str, Any], data: Data, notes: list[str]) -> None:
        self._events, self.started, self.data, self.notes = events, started, data, notes

    def events(self) -> Iterator[Event]:
        return self._events

    def describe(self, event: Started) -> dict[str, Any]:
        from core.worker.provenance import describe_start

        return self.started | describe_start(event, self.data, self.notes)


def train_on(
    folder: Path,
    device: str,
    stop: StopSignal,
    *,
    load: Callable[[DataSpec], Data] | None = None,
    after_epoch: AfterEpoch | None = None,
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
        from core.engine.data import load_data
        from core.engine.device import peak_memory
        from core.engine.train import train
        from core.runs.branches import read_branch
        from core.runs.folder import Run
        from core.system.awake import AwakeClock
        from core.worker.driving import record_events
        from core.worker.meters import UseMeter
        from core.worker.provenance import tell_left_out
        from core.worker.recorder import Recorder

    run = Run(folder)
    use = UseMeter(device)
    recorder = Recorder(run, device, checkpoint.save, use)
    recorder.write_progress("loading", 0, 0, 1)
    torch_device, remarks = set_up_torch(run.spec, device, folder.parent)
    use.peak_memory = lambda: peak_memory(torch_device)
    data = (load or load_data)(run.spec.data)
    state, notes = recorder.restore(checkpoint.load, checkpoint.CheckpointError)
    if recorder.is_at_root and state is not None and (record := read_branch(folder)):
        state, told = begin_branch(state, run.spec, data, record["use"], record.get("class_names", ()))
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
    with AwakeClock() as clock:
        events = train(
            run.spec,
            data,
            resume=state,
            should_stop=lambda: stop.asked,
            device=torch_device,
            test=not untested,
            clock=clock,
        )
        return record_events(LocalEngine(events, started, data, notes), recorder, stop, after_epoch, untested)


def begin_branch(
    state: dict[str, Any], spec: RunSpec, data: Data, use: str, class_names: Sequence[str]
) -> tuple[dict[str, Any], list[str]]:
    """The state in which a branch begins from its root, all of it or (`use` is "weights") its weights alone.

    And as sentences what of it begins anew. Raises CheckpointError.
    """
    from core.engine.branch import branch_off, take_weights

    if use == "weights":
        return take_weights(state, spec, data, class_names)
    return branch_off(state, spec, data)


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


def set_up_place(device: str, threads: int) -> torch.device:
    """Torch's device in a place that was asked for, with the threads that its run keeps. Raises DeviceError."""
    import torch

    if device.startswith("cuda") and not torch.cuda.is_available():
        raise DeviceError(
            f"{processes.host_name()} offers a GPU that its torch {torch.__version__} cannot use. Install a build of "
            "torch for it there, or choose the CPU."
        )
    torch.set_num_threads(threads)
    return torch.device(device)
