"""What a training will take on this machine: measured in advance in a child process, and kept. No torch here.

A measurement is valid for one shape (network, image size, batch, optimizer, augmentation) on one device; a forecast
multiplies it by the numbers of images and epochs.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from functools import cache
from importlib import metadata
from math import ceil
from pathlib import Path
from typing import Any

from core.data.catalogue import count_by_part
from core.data.store import DataError
from core.launch.environment import worker_environment
from core.machine import queue
from core.machine.devices import list_device_ids, name_device, read_use
from core.runs import layout
from core.spec import RunSpec
from core.spec.schedule import updates_of_last_epoch, updates_per_epoch
from core.system import files
from core.system.child import Child, ChildKilledError
from core.system.errors import LabError, explain_os_error
from core.system.folders import runs_folder

MEASURE = "core.worker.estimate:measure_spec"
TIMEOUT_SECONDS = 300
# Share of the free memory that a training may use; other programs need some at times.
USABLE_SHARE = 0.9
MAX_BATCH = 16_384  # as in the spec
_MOST_KEPT = 64
_LOOK_SECONDS = 0.3
# Of a spec's training part, what a step's time or memory depends on.
_TRAIN_FIELDS = (
    *("batch_size", "accumulation", "optimizer", "precision", "lookahead_steps", "decay_norms_biases"),
    *("muon_iterations", "muon_normalized", "grow_images", "first_side", "growth_steps", "grown_after"),
)
_TRAIN_SWITCHES = ("momentum", "weight_decay", "label_smoothing", "clip_norm", "ema_decay")


class EstimateError(LabError):
    """Nothing could be measured."""


@dataclass(frozen=True)
class Estimate:
    """A measurement as `core.engine.estimate.Measured` makes it, with where and when."""

    steps: int
    step_seconds: float
    score_seconds: float
    closing_seconds: float
    memory_bytes: int
    image_bytes: float
    room_bytes: int
    device: str
    device_name: str
    beside: int  # runs that trained on the device meanwhile
    busy: float  # share of the device in use just before, 0 to 1
    measured: float  # Unix time


@dataclass(frozen=True)
class Forecast:
    """What a run of a spec will take; `largest_batch` is a power of two, None if it is unknown."""

    epoch_seconds: float
    seconds: float  # all epochs, without start and test
    memory_bytes: int
    largest_batch: int | None
    device: str
    beside: int


def pick_device(spec: RunSpec) -> str:
    """The device that a run of this spec would wait for, by the queue's rule; empty if there is none."""
    devices = list_device_ids()
    return next((device for device in devices if queue.suits(spec.train.device, device, devices)), "")


def make_forecast(spec: RunSpec, estimate: Estimate) -> Forecast:
    """The forecast for a spec of the estimate's shape. Raises `DataError` if its images cannot be counted."""
    images = count_by_part(spec.data)
    train, batches = spec.train, ceil(images.train / spec.train.batch_size)
    last = updates_of_last_epoch(train, updates_per_epoch(train, images.train)) * train.accumulation
    epoch = batches * estimate.step_seconds + images.val * estimate.score_seconds + estimate.closing_seconds
    image_bytes = spec.data.num_channels * spec.data.image_size**2
    memory = estimate.memory_bytes + (images.train + images.val + images.test) * image_bytes
    return Forecast(
        epoch_seconds=epoch,
        seconds=epoch * train.epochs - max(0, batches - last) * estimate.step_seconds,
        memory_bytes=memory,
        largest_batch=_find_largest_batch(spec, estimate, memory),
        device=estimate.device,
        beside=estimate.beside,
    )


def _find_largest_batch(spec: RunSpec, estimate: Estimate, memory: int) -> int | None:
    if estimate.image_bytes <= 0:
        return None
    more = (USABLE_SHARE * estimate.room_bytes - memory) / estimate.image_bytes
    most = int(spec.train.batch_size + more)
    return min(1 << (most.bit_length() - 1), MAX_BATCH) if most > 0 else 0


def find_estimate(spec: RunSpec) -> Estimate | None:
    """The kept measurement for this shape on the device it would train on."""
    try:
        kept = files.find_json(_path_of(spec))
        return Estimate(**{field.name: kept[field.name] for field in fields(Estimate)}) if kept else None
    except (files.DamagedFileError, KeyError, OSError):
        return None


def find_forecast(spec: RunSpec) -> Forecast | None:
    """The forecast for a run of this spec; None without a measurement."""
    estimate = find_estimate(spec)
    try:
        return make_forecast(spec, estimate) if estimate else None
    except DataError:
        return None


def keep_forecast(spec: RunSpec, folder: Path) -> None:
    """Writes the forecast into a new run's folder, to compare it with what the run took."""
    if forecast := find_forecast(spec):
        files.write_json(folder / layout.FORECAST, asdict(forecast))


def measure_now(spec: RunSpec, timeout: float = TIMEOUT_SECONDS) -> Estimate:
    """Measures in a child process, waits for it, and keeps the result. Raises `EstimateError`."""
    device = pick_device(spec)
    if not device:
        raise EstimateError(f"This machine has no device {spec.train.device}.")
    beside = sum(holder is not None for holder in queue.read_slots(runs_folder(), device))
    read_use(device)  # a processor's use is counted since the previous look
    time.sleep(_LOOK_SECONDS)
    busy = float(read_use(device)["utilisation"] or 0.0) / 100
    # Niced: only a page asks, and a training goes first.
    with Child("measuring process", worker_environment, nice=5) as child:
        try:
            measured = child.ask(MEASURE, timeout, spec=spec.model_dump(mode="json"), device=device)
        except ChildKilledError as error:
            raise EstimateError(f"{error} Try a smaller batch size.") from error
        except LabError as error:
            raise EstimateError(str(error)) from error
        except Exception as error:
            raise EstimateError(f"The measuring process failed: {type(error).__name__}: {error}") from error
    estimate = Estimate(
        **measured, device=device, device_name=name_device(device), beside=beside, busy=busy, measured=time.time()
    )
    _keep(spec, estimate)
    return estimate


def _keep(spec: RunSpec, estimate: Estimate) -> None:
    path = _path_of(spec)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_json(path, asdict(estimate))
    kept = sorted(path.parent.glob("*.json"), key=lambda other: other.stat().st_mtime, reverse=True)
    for old in kept[_MOST_KEPT:]:
        old.unlink(missing_ok=True)


def _path_of(spec: RunSpec) -> Path:
    return runs_folder() / ".estimates" / f"{shape_of(spec)}.json"


def shape_of(spec: RunSpec) -> str:
    """A name for everything that the time and memory of a step depend on."""
    device, train = pick_device(spec), spec.train
    shape = {
        "model": spec.model.model_dump(mode="json"),
        "augment": spec.augment.model_dump(mode="json"),
        "images": [spec.data.image_size, spec.data.num_classes, spec.data.num_channels],
        "train": [getattr(train, name) for name in _TRAIN_FIELDS],
        "switches": [bool(getattr(train, name)) for name in _TRAIN_SWITCHES],
        "device": [device, name_device(device), _torch_version()],
        "sharing": queue.count_slots(runs_folder(), "cpu"),  # decides the number of threads
    }
    return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()[:24]


@cache
def _torch_version() -> str:
    return metadata.version("torch")


class Measurements:
    """The measurements of this process, one at a time; pages poll it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue = ThreadPoolExecutor(1, thread_name_prefix="estimate")
        self._futures: dict[str, Future[Estimate]] = {}
        self._begun: dict[str, float] = {}

    def start(self, spec: RunSpec) -> None:
        """Begins to measure this shape, unless that has begun."""
        with self._lock:
            if not self.is_under_way(spec):
                self._futures[shape_of(spec)] = self._queue.submit(measure_now, spec)
                self._begun[shape_of(spec)] = time.monotonic()

    def seconds(self, spec: RunSpec) -> float:
        """Time since the measurement of this shape was requested."""
        now = time.monotonic()
        return now - self._begun.get(shape_of(spec), now)

    def is_under_way(self, spec: RunSpec) -> bool:
        future = self._futures.get(shape_of(spec))
        return future is not None and not future.done()

    def problem(self, spec: RunSpec) -> str:
        """Why the latest measurement of this shape failed; empty if it did not."""
        future = self._futures.get(shape_of(spec))
        error: Any = future.exception() if future is not None and future.done() else None
        if error is None:
            return ""
        if isinstance(error, OSError):
            return f"It could not be measured. {explain_os_error(error)}"
        return str(error) if isinstance(error, EstimateError) else f"It could not be measured: {error}."


MEASUREMENTS = Measurements()
