"""What a worker is made to suffer, or made to leave out: each is called in its process before it begins.

Light, because every forked worker that needs one imports it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

MARK = ".fault"  # in the runs folder: the fault has happened


def die_at_checkpoint(number: int) -> None:
    """Kills the worker when it has written the epoch's metrics and is about to write its n-th checkpoint."""
    from core.worker.recorder import Recorder

    keep, left = Recorder._keep, [number]

    def keep_or_die(self: Any, *arguments: Any, **named: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        keep(self, *arguments, **named)

    Recorder._keep = keep_or_die  # type: ignore[method-assign]


def forget_moments() -> None:
    """A resumed training begins with an optimizer that has seen nothing."""
    from core.engine import state

    state.restore_moments = lambda *_: None


def seed_only_once() -> None:
    """Generators run on from batch to batch, and a resumed training begins them anew."""
    from core.engine import train

    seed, seeded = train.seed_batch, []

    def seed_at_start(generator: Any, *path: int) -> Any:
        if not seeded:
            seeded.append(True)
            return seed(generator, path[0], 0, 0)
        return generator

    train.seed_batch = seed_at_start


def keep_later_lines() -> None:
    """A resumed training leaves the metrics of epochs that it trains again."""
    from core.worker import recorder

    recorder.cut_metrics = lambda *_: None


def never_listen() -> None:
    """SIGTERM ends the worker at once, as it ends any program."""
    from core.worker.stop import StopSignal

    StopSignal.listen = lambda _: None  # type: ignore[method-assign]


def several(*setups: Callable[[], None]) -> None:
    for setup in setups:
        setup()


def write_in_place() -> None:
    """Small files are written over the old ones, not to a temporary name."""
    from core.system import files

    def write(path: Any, content: bytes, *, sync: bool = True) -> None:
        with open(path, "wb") as file:
            file.write(content)

    files.write_bytes = write


def reserve_nothing() -> None:
    """A worker that reserves no space for its end."""
    from core.worker import run

    run.reserve_space = lambda _: None


def run_out_of_device_memory(backwards: int) -> None:
    """The n-th backward pass finds no memory, and says so as CUDA's allocator does."""
    import torch

    backward, left = torch.Tensor.backward, [backwards]

    def backward_or_raise(self: Any, *arguments: Any, **named: Any) -> None:
        left[0] -= 1
        if left[0] <= 0:
            (Path(os.environ["RESNET_LAB_RUNS"]) / MARK).touch()
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has 2.00 GiB free.")
        backward(self, *arguments, **named)

    torch.Tensor.backward = backward_or_raise  # type: ignore[method-assign]


def limit_address_space(megabytes: int) -> None:
    """The worker gets so much more memory than it has now, and not a page beyond."""
    import resource

    pages = int(open("/proc/self/statm").read().split()[0])  # noqa: SIM115
    limit = pages * resource.getpagesize() + megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def measure_only(value: float, runs: int = 1_000_000) -> None:
    """Every figure of the first so many trainings of this process is this value; counts stay."""
    from dataclasses import replace

    import numpy as np

    from core.engine import train as training
    from core.engine.events import EpochEnd, Finished, Progress

    train, left = training.train, [runs]

    def spoil(figures: dict[str, Any]) -> dict[str, Any]:
        return {key: figure if isinstance(figure, int) else value for key, figure in figures.items()}

    def train_spoilt(*arguments: Any, **named: Any) -> Any:
        left[0] -= 1
        for event in train(*arguments, **named):
            match event:
                case _ if left[0] < 0:
                    pass
                case EpochEnd():
                    logits = np.full_like(event.val_logits, value)
                    event = replace(event, metrics=spoil(event.metrics), val_logits=logits)
                case Progress():
                    event = replace(event, loss=value, images_per_second=value)
                case Finished():
                    logits = {name: np.full_like(array, value) for name, array in event.predictions.items()}
                    event = replace(event, metrics=spoil(event.metrics), predictions=logits)
            yield event

    training.train = train_spoilt


def share_slots() -> None:
    """Every slot looks free, and is taken without its lock."""
    from core.machine import queue
    from core.system.locks import FileLock

    queue._free_slots = lambda _, devices: [(device, 0) for device in devices]
    queue._lock_slot = lambda _, run_id, slot: queue.Slot(slot[0], FileLock(Path(run_id)))


def follow_clock(offset: Path) -> None:
    """The clock is moved by as many seconds as the file says, at once when that changes."""
    import time

    real, real_ns = time.time, time.time_ns
    time.time = lambda: real() + float(offset.read_text() or 0)
    time.time_ns = lambda: real_ns() + int(float(offset.read_text() or 0) * 1e9)
