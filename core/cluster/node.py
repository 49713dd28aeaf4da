"""What runs on a node: the engine, and nothing of a run's folder. Ray makes an actor of it, in a process of its own."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.cluster.events import Arrived, Failed, Item, Line, Opened, Task, Told, pack_blob
from core.cluster.images import Images, lacks_images
from core.engine.events import EpochEnd, Event, Started, Stopped
from core.machine.versions import describe_versions, explain_misfit
from core.runs.ends import describe_failure
from core.spec import RunSpec
from core.system import processes
from core.system.awake import AwakeClock
from core.system.errors import LabError
from core.system.gc_pause import LoadingTorch
from core.worker.meters import UseMeter

if TYPE_CHECKING:
    from core.engine.data import Data

LARGE_BYTES = 32_000_000  # from which on a state does not travel after every epoch
STATE_SECONDS = 30.0  # between two large states


class VersionsError(LabError):
    """A node would not compute as the machine that keeps the run."""

    kind = "versions"


class Trainer:
    """A warm process of a node: one training after the other. `beat` and `stop` are answered while one is at it."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.asked = False
        self.meter: UseMeter | None = None
        # Before torch is loaded, which never takes more threads later. Those of a run decide how its sums are rounded.
        os.environ["OMP_NUM_THREADS"] = str(line.need.threads)

    def stop(self) -> None:
        """The training stops after its current step, with a checkpoint."""
        self.asked = True

    def beat(self) -> dict[str, float]:
        """What the training takes of this machine; that there is an answer says that the process does not hang."""
        return self.meter.read() if self.meter else {}

    def lacks(self, spec: str) -> bool:
        """Whether the images of a spec, as JSON, have to be sent here."""
        return lacks_images(RunSpec.model_validate_json(spec).data)

    def train(self, task: Task, node: str, images: Images | None = None) -> Iterator[Item]:
        """Yields that the task has arrived, what it opened, then each event; or `Failed`.

        `node` is the id of this node, `images` are those that it has no copy of.
        """
        self.asked = False
        device = "cuda:0" if self.line.need.gpus else "cpu"
        yield Arrived(processes.host_name(), os.getpid(), node, device)
        try:
            # A node offers what it had when it joined; its code may have been changed since.
            if misfit := explain_misfit(describe_versions(), self.line.versions):
                raise VersionsError(f"{processes.host_name()} has other versions now: {misfit}. Let it join again.")
            yield from self._train(task, device, images)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told where the run is kept
            details = "" if isinstance(error, LabError) else "".join(traceback.format_exception(error))
            yield Failed(*describe_failure(error), details)

    def _train(self, task: Task, name: str, images: Images | None) -> Iterator[Item]:
        with LoadingTorch():
            from core.engine.device import peak_memory
            from core.engine.train import train
            from core.spec.parse import parse_spec
            from core.worker.local import begin_branch, set_up_place
            from core.worker.provenance import describe_start, tell_left_out

        spec = parse_spec(task.spec)
        device = set_up_place(name, self.line.need.threads)
        self.meter = _watch(name)
        self.meter.peak_memory = lambda: peak_memory(device)
        data = _load(spec, images)
        state, notes = unpack_blob(task.state), list[str]()
        counts = {} if state is None or task.root == "weights" else count_state(state)
        if task.root and state is not None:
            state, notes = begin_branch(state, spec, data, task.root, task.root_classes)
        yield Opened(
            counts,
            [*tell_left_out(data.left_out), *notes],
            [str(fault) for fault in data.left_out],
            {part: labels.cpu().numpy() for part in ("val", "test") if len(labels := getattr(data, part).labels)},
        )
        packer = Packer(spec)
        with AwakeClock() as clock:
            for event in train(
                spec,
                data,
                resume=state,
                should_stop=lambda: self.asked,
                device=device,
                test=task.test,
                clock=clock,
            ):
                facts = describe_start(event, data, []) if isinstance(event, Started) else {}
                use = self.meter.read_epoch() if isinstance(event, EpochEnd) else self.meter.read()
                yield Told(packer.pack(event), use, facts)


def _load(spec: RunSpec, images: Images | None) -> Data:
    """Raises DataError."""
    from core.engine.data import arrange, load_data

    return load_data(spec.data) if images is None else arrange(images[0], spec.data, images[1])


class Packer:
    """Makes a state the bytes of its checkpoint; of large ones, some stay here: those that nothing depends on."""

    def __init__(self, spec: RunSpec) -> None:
        self.spec = spec
        self.sent, self.bytes = 0.0, 0  # when the last one went, and how large it was

    def pack(self, event: Event) -> Event:
        """The event as it travels."""
        if isinstance(event, Stopped):
            return replace(event, state=self._pack(event.state))
        if not isinstance(event, EpochEnd):
            return event
        stays = self.bytes >= LARGE_BYTES and time.monotonic() - self.sent < STATE_SECONDS
        return replace(event, state={} if stays and not self._must_go(event) else self._pack(event.state))

    def _must_go(self, event: EpochEnd) -> bool:
        """Whether the run may end with this epoch, or keeps it by its own rule."""
        train, state = self.spec.train, event.state
        ends = event.epoch >= train.epochs or 0 < train.early_stop_patience <= state["stale_epochs"]
        reaches = train.stop_at_goal and 0 < train.goal_accuracy <= event.metrics.get("val/accuracy", 0.0)
        kept = train.keep_before_drops or (train.keep_every > 0 and event.epoch % train.keep_every == 0)
        return ends or reaches or kept

    def _pack(self, state: dict[str, Any]) -> dict[str, Any]:
        from core.engine import checkpoint

        with tempfile.TemporaryDirectory(prefix="resnet-lab-") as folder:
            path = Path(folder) / "state.safetensors"
            checkpoint.save(state, path)
            blob = path.read_bytes()
        self.sent, self.bytes = time.monotonic(), len(blob)
        return pack_blob(blob, count_state(state))


def unpack_blob(blob: bytes | None) -> dict[str, Any] | None:
    """The training state in a checkpoint's bytes. Raises CheckpointError."""
    from core.engine import checkpoint

    if blob is None:
        return None
    with tempfile.TemporaryDirectory(prefix="resnet-lab-") as folder:
        path = Path(folder) / "state.safetensors"
        path.write_bytes(blob)
        return checkpoint.load(path, hashlib.sha256(blob).hexdigest())


def count_state(state: dict[str, Any]) -> dict[str, Any]:
    """What a state counts, as `Recorder.go_on` takes it over."""
    return {key: state.get(key) for key in ("step", "seconds", "plateau")}


def _watch(device: str) -> UseMeter:
    """Measures this process, and of its threads the one that trains: that is not the first here."""
    meter = UseMeter(device)
    meter.wait.PATH = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
    meter.wait.read()
    return meter
