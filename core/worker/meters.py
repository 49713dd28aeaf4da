"""Time left of a training, and its use of device and memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import psutil

from core.engine.events import Work
from core.machine.devices import read_use


class Clock:
    """How long a run has trained, over all its processes, and how long it will take at the pace of this one."""

    def __init__(self) -> None:
        self.before = 0.0  # seconds, in earlier processes
        self.begun: float | None = None
        self.ended = 0  # epochs, in this process
        self.closing = 0.0  # seconds of these epochs in which neither was trained nor scored

    def start(self) -> None:
        self.begun = time.monotonic()

    @property
    def seconds(self) -> float:
        return self.before + (time.monotonic() - self.begun if self.begun is not None else 0.0)

    def end_epoch(self, work: Work) -> None:
        """An epoch has been trained, validated and written."""
        self.ended += 1
        worked = work.trained.seconds + work.scored.seconds
        self.closing = max(0.0, self.seconds - self.before - worked - work.away)

    def seconds_left(self, work: Work, epochs: int) -> float | None:
        """Until the run ends, with every validation and look at the test images; None before there is a pace.

        Until the first image is scored, scoring is taken to be as slow as training. What else an epoch takes, such as
        writing its checkpoint, it takes again in each of the `epochs` that are still to end.
        """
        trained, scored = work.trained, work.scored
        if not trained.images and not scored.images:
            return None
        training, scoring = (pace.seconds / pace.images if pace.images else None for pace in (trained, scored))
        between = self.closing / self.ended * epochs if self.ended else 0.0
        score = scoring if scoring is not None else training or 0.0
        return work.left_to_train * (training or 0.0) + work.left_to_score * score + between


class WaitMeter:
    """How much of the time the main thread waits for a core that other programs have; Linux alone tells."""

    PATH = Path("/proc/self/schedstat")  # of its first thread: nanoseconds on a core, nanoseconds waiting for one

    def __init__(self) -> None:
        self.last = self._look()

    def _look(self) -> tuple[float, float] | None:
        """Now, and the seconds waited so far."""
        try:
            return time.monotonic(), int(self.PATH.read_text().split()[1]) / 1e9
        except (OSError, ValueError, IndexError):
            return None

    def read(self) -> dict[str, float]:
        """In percent, since the last call."""
        before, now = self.last, self._look()
        self.last = now
        if before is None or now is None or now[0] <= before[0]:
            return {}
        return {"cpu_wait_percent": min(100.0, 100 * (now[1] - before[1]) / (now[0] - before[0]))}


class Meter(Protocol):
    """What a run takes of its machine."""

    def read(self) -> dict[str, float]:
        """Now: what `core.runs.records.ProgressRecord` has of it."""

    def read_epoch(self) -> dict[str, float]:
        """The means since the last epoch's end, as columns of the metrics."""


class UseMeter:
    """This process's use of the machine: CPU in percent of one core, memory in bytes, and its GPU's.

    `cpu_wait_percent` is the share of the time in which its main thread could not run, as other programs did.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self.peak_memory: Callable[[], int] | None = None  # bytes, of the device; set by whoever has loaded torch
        self.process = psutil.Process()
        self.process.cpu_percent(None)
        self.wait = WaitMeter()
        self.seen: list[dict[str, float]] = []

    def read(self) -> dict[str, float]:
        use = {"cpu_percent": self.process.cpu_percent(None), "memory_bytes": float(self.process.memory_info().rss)}
        use |= self.wait.read()
        if self.device.startswith("cuda"):
            gpu = read_use(self.device)
            figures = {"gpu_percent": gpu["utilisation"], "gpu_memory_bytes": gpu["memory_used"]}
            use |= {key: value for key, value in figures.items() if value is not None}
        self.seen.append(use)
        return use

    def read_epoch(self) -> dict[str, float]:
        """The means since the last epoch's end, and the process's peak so far, as columns of the metrics."""
        seen = self.seen or [self.read()]
        self.seen = []
        keys = seen[-1].keys()
        means = {f"system/{key}": sum(use.get(key, 0.0) for use in seen) / len(seen) for key in keys}
        return means | ({"system/peak_memory_bytes": float(self.peak_memory())} if self.peak_memory else {})
