"""What a training takes, measured before it starts: a few real steps on its device with invented images."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass

import psutil
import torch

from core.engine.data import Data, ImageSet
from core.engine.device import peak_memory
from core.engine.evaluate import evaluate, evaluation_batch
from core.engine.failures import explain_failures
from core.engine.optim import skip_compiler_import
from core.engine.train import StopRequested, TrainingRun, keep_settings
from core.spec import AugmentSpec, DataSpec, LayerSpec, ModelSpec, RunSpec, TrainSpec
from core.spec.cost import cost_of, training_memory
from core.spec.schedule import ImageSides
from core.system.memory import available_memory

STEPS = 20
# Before they count: the processor's caches fill, cuDNN searches its algorithms.
WARM_UP = 5
# A step of a large network on a CPU may take seconds; fewer are enough then.
SECONDS = 15.0
_MOST_IMAGE_BYTES = 256_000_000
_NEVER = 1000.0  # shares of a training after which its images grow


@dataclass(frozen=True)
class Measured:
    """For one spec on one device. Seconds are means; memory is the process's peak, on a GPU of the GPU's memory."""

    steps: int
    step_seconds: float  # one batch
    score_seconds: float  # one image of validation
    closing_seconds: float  # the end of an epoch, but for the disk
    memory_bytes: int  # without the images of the data set
    image_bytes: float  # by which it grows with each image more in a batch; 0 if it did not grow
    room_bytes: int  # that the process could hold at most, beside what else was in memory then


class _Pace:
    """Used as `should_stop`: counts batches, times those after the warm-up, and stops after enough of them."""

    def __init__(self, device: torch.device, warm_up: int, seconds: float) -> None:
        self.device, self.warm_up, self.allowed = device, warm_up, seconds
        self.batches, self.begun, self.seconds = 0, time.perf_counter(), 0.0

    def __call__(self) -> bool:
        self.batches += 1
        if self.batches == self.warm_up:
            _wait_for(self.device)
            self.begun = time.perf_counter()
        self.seconds = time.perf_counter() - self.begun
        return self.steps >= STEPS or (self.steps >= 1 and self.seconds > self.allowed)

    @property
    def steps(self) -> int:
        """Those that count."""
        return self.batches - self.warm_up


def measure(spec: RunSpec, device: torch.device, *, seconds: float = SECONDS) -> Measured:
    """Trains `STEPS` batches, fewer if they take longer than `seconds`, scores some images and ends an epoch.

    What the images show does not matter to the time, so they are invented. Raises TrainingError, for example if the
    device has too little memory for one batch.
    """
    # On noise a higher rate might end in a loss that is NaN.
    growing = _with_train(spec, learning_rate=1e-5, last_epoch=1.0)
    spec = _with_train(growing, grow_images=False)
    with explain_failures(spec, device), keep_settings(device):
        room = _find_room(device)
        pace, run = _train_batches(spec, device, seconds)
        trained = peak_memory(device)
        score_seconds, closing_seconds = _end_epoch(run)
        memory = peak_memory(device)
        del run
        return Measured(
            steps=pace.steps,
            step_seconds=_mean_step(growing, device, seconds, pace.seconds / pace.steps),
            score_seconds=score_seconds,
            closing_seconds=closing_seconds,
            memory_bytes=memory,
            image_bytes=_measure_growth(spec, device, room, trained),
            room_bytes=room,
        )


def _mean_step(spec: RunSpec, device: torch.device, seconds: float, full_step: float) -> float:
    """Seconds of a step, over the whole of a training whose images may grow."""
    total = 0.0
    for side, share in ImageSides(spec.train, spec.data.image_size).shares().items():
        step = full_step
        if side != spec.data.image_size:
            pace, _ = _train_batches(_with_train(spec, first_side=side, grown_after=_NEVER), device, seconds)
            step = pace.seconds / pace.steps
        total += share * step
    return total


def _train_batches(spec: RunSpec, device: torch.device, seconds: float) -> tuple[_Pace, TrainingRun]:
    batch_size = spec.train.batch_size
    room = max(2, _MOST_IMAGE_BYTES // (spec.data.num_channels * spec.data.image_size**2 * batch_size))
    warm_up = _warm_up_batches(spec.train, device)
    batches = min(warm_up + STEPS, room)
    pace = _Pace(device, min(warm_up, batches - 1), seconds)
    run = TrainingRun(spec, invent_data(spec, batches * batch_size, device), device, pace)
    with suppress(StopRequested):
        _train_epoch(run)
    _wait_for(device)
    pace.seconds = time.perf_counter() - pace.begun
    return pace, run


def _train_epoch(run: TrainingRun) -> None:
    for _ in run.train_epoch():
        pass


def _warm_up_batches(train: TrainSpec, device: torch.device) -> int:
    """On CUDA until each kind of step is captured, at its fourth time; Lookahead acts every few updates only."""
    if device.type != "cuda":
        return WARM_UP
    return max(WARM_UP, 4 * train.accumulation * max(1, train.lookahead_steps) + 2)


def _end_epoch(run: TrainingRun) -> tuple[float, float]:
    """Seconds for one image of validation, and for the end of an epoch."""
    part = run.data.val
    for _ in range(2):  # the first time warms up
        began = time.perf_counter()
        scores = evaluate(run.state.evaluated, part, run.data, batch_size=len(part), dtype=run.dtype)
        scored = time.perf_counter()
    run.report_epoch(scores)
    _wait_for(run.device)
    return (scored - began) / len(part), time.perf_counter() - scored


def _measure_growth(spec: RunSpec, device: torch.device, room: int, trained: int) -> float:
    """Bytes by which the peak grows with each image more in a batch; 0 if a larger batch may not fit.

    `trained` is the peak of this process's training so far; on a CPU a peak never falls again.
    """
    batch_size = spec.train.batch_size
    # Four times as large a batch takes more than the validation, whose batches are as large, took without gradients.
    larger = _with_train(spec, batch_size=batch_size * (4 if batch_size <= 128 else 2))
    if training_memory(larger, cost_of(larger)) > room / 4:
        return 0.0
    before = _peak_of_a_step(spec, device) if device.type == "cuda" else trained
    return max(0, _peak_of_a_step(larger, device) - before) / (larger.train.batch_size - batch_size)


def _peak_of_a_step(spec: RunSpec, device: torch.device) -> int:
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    _train_epoch(TrainingRun(spec, invent_data(spec, spec.train.batch_size, device), device, lambda: False))
    return peak_memory(device)


def _with_train(spec: RunSpec, **changes: float) -> RunSpec:
    return spec.model_copy(update={"train": spec.train.model_copy(update=changes)})


def warm_up() -> None:
    """Loads what a training loads once, by a step on the CPU: torch imports as much again for its first optimizer."""
    spec = RunSpec(
        model=ModelSpec(stem_channels=4, layers=(LayerSpec(channels=4, blocks=1, stride=2),), pool_size=2),
        data=DataSpec(image_size=8),
        augment=AugmentSpec(crop_padding=1),
        train=TrainSpec(batch_size=4, epochs=1),
    )
    skip_compiler_import()
    device = torch.device("cpu")
    with keep_settings(device):
        _train_epoch(TrainingRun(spec, invent_data(spec, 4, device), device, lambda: False))


def invent_data(spec: RunSpec, count: int, device: torch.device) -> Data:
    """`count` training images of noise, and some to validate on, in the spec's shape."""
    size, classes, channels = spec.data.image_size, spec.data.num_classes, spec.data.num_channels
    draw = torch.Generator().manual_seed(0)

    def invent(images: int) -> ImageSet:
        pixels = torch.randint(256, (images, size, size, channels), dtype=torch.uint8, generator=draw)
        labels = torch.randint(classes, (images,), generator=draw)
        return ImageSet(pixels.permute(0, 3, 1, 2), labels).to(device)

    val = invent(evaluation_batch(spec.train))
    names = tuple(map(str, range(classes)))
    return Data(invent(count), val, val, names, (0.5,) * channels, (0.25,) * channels, "")


def _find_room(device: torch.device) -> int:
    """Bytes that this process could hold in the device's memory, beside what is there now."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return available_memory() + int(psutil.Process().memory_info().rss)


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
