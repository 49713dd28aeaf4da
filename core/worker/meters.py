"""Time left of a training, and its use of device and memory."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

from core.machine.devices import read_use


class Clock:
    """How long a run has trained, over all its processes, and how long it will take at the current pace."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.before = 0.0  # seconds, in earlier processes
        self.begun: float | None = None
        self.first: tuple[float, float] | None = None  # seconds, and epochs done then

    def start(self) -> None:
        self.begun = time.monotonic()

    @property
    def seconds(self) -> float:
        return self.before + (time.monotonic() - self.begun if self.begun is not None else 0.0)

    def seconds_left(self, phase: str, epoch: int, step: int, steps: int) -> float | None:
        """None before there is anything to go by. Step 0 means that `epoch` is done, otherwise it is under way."""
        if phase == "test":
            return 0.0
        if self.begun is None or phase not in ("train", "validate"):
            return None
        done = epoch if phase == "validate" or step == 0 else epoch - 1 + step / max(1, steps)
        now = self.seconds
        if self.first is None:
            self.first = (now, done)
        went = done - self.first[1]
        return (now - self.first[0]) / went * (self.epochs - done) if went > 0 else None


class UseMeter:
    """This process's use of the machine: CPU in percent of one core, memory in bytes, and its GPU's."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.peak_memory: Callable[[], int] | None = None  # bytes, of the device; set by whoever has loaded torch
        self.process = psutil.Process()
        self.process.cpu_percent(None)
        self.seen: list[dict[str, float]] = []

    def read(self) -> dict[str, float]:
        use = {"cpu_percent": self.process.cpu_percent(None), "memory_bytes": float(self.process.memory_info().rss)}
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
