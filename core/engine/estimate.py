"""What a training takes, measured: a few real steps on the real device with invented images, before it is started."""

from __future__ import annotations

import time
from dataclasses import dataclass

import psutil
import torch

from core.engine.data import Data, ImageSet
from core.engine.device import peak_memory
from core.engine.evaluate import Scores
from core.engine.failures import explain_failures
from core.engine.train import StopRequested, TrainingRun, keep_settings
from core.spec import RunSpec, TrainSpec
from core.spec.cost import cost_of, training_memory

STEPS = 20
# Before they count: the processor's caches fill, cuDNN searches its algorithms.
WARM_UP = 5
# A step of a large network on a CPU may take seconds; fewer tell enough then.
SECONDS = 15.0
_MOST_IMAGE_BYTES = 256_000_000
_GENTLE_RATE = 1e-5


@dataclass(frozen=True)
class Measured:
    """Of one spec on one device. Seconds are means; memory is the process's peak, on a GPU its share of the GPU's."""

    steps: int
    step_seconds: float  # one batch
    score_seconds: float  # one image of validation
    closing_seconds: float  # the end of an epoch, but for the disk
    memory_bytes: int  # without the images of the data set
    image_bytes: float  # by which it grows with each image more in a batch; 0 where it was not seen to grow
    room_bytes: int  # that the process could hold at most, with what else was in memory then


class _Pace:
    """Counts batches in the place of `should_stop`: when the warm-up was over, and when it is enough."""

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
    """Trains `STEPS` batches, fewer where they take longer than `seconds`, scores some images and ends an epoch.

    What the images show does not matter to the time, so they are invented. Raises TrainingError, for one where the
    device has too little memory for one batch.
    """
    # Noise must not end it by a loss that is no number.
    spec = _with_train(spec, learning_rate=_GENTLE_RATE)
    with explain_failures(spec, device), keep_settings(device):
        room = _find_room(device)
        pace, run = _train_batches(spec, device, seconds)
        trained = peak_memory(device)
        score_seconds, closing_seconds = _end_epoch(run)
        memory = peak_memory(device)
        del run
        return Measured(
            steps=pace.steps,
            step_seconds=pace.seconds / pace.steps,
            score_seconds=score_seconds,
            closing_seconds=closing_seconds,
            memory_bytes=memory,
            image_bytes=_measure_growth(spec, device, room, trained),
            room_bytes=room,
        )


def _train_batches(spec: RunSpec, device: torch.device, seconds: float) -> tuple[_Pace, TrainingRun]:
    batch_size = spec.train.batch_size
    room = max(2, _MOST_IMAGE_BYTES // (3 * spec.data.image_size**2 * batch_size))
    warm_up = _warm_up_batches(spec.train, device)
    batches = min(warm_up + STEPS, room)
    pace = _Pace(device, min(warm_up, batches - 1), seconds)
    run = TrainingRun(spec, invent_data(spec, batches * batch_size, device), device, pace)
    try:
        for _ in run.train_epoch():
            pass
    except StopRequested:
        _wait_for(device)
    pace.seconds = time.perf_counter() - pace.begun
    return pace, run


def _warm_up_batches(train: TrainSpec, device: torch.device) -> int:
    """On CUDA until each kind of step is captured: its fourth time, and Lookahead's turn is every so many updates."""
    if device.type != "cuda":
        return WARM_UP
    return max(WARM_UP, 4 * train.accumulation * max(1, train.lookahead_steps) + 2)


def _end_epoch(run: TrainingRun) -> tuple[float, float]:
    """Seconds for one image of validation, and for the end of an epoch."""
    run.should_stop = lambda: False
    for _ in range(2):  # the first time warms up
        began = time.perf_counter()
        scores = _score(run)
        scored = time.perf_counter()
    run.report_epoch(scores)
    _wait_for(run.device)
    return (scored - began) / len(run.data.val), time.perf_counter() - scored


def _score(run: TrainingRun) -> Scores:
    scoring = run.score("validate", run.state.evaluated, run.data.val)
    while True:
        try:
            next(scoring)
        except StopIteration as end:
            scores: Scores = end.value
            return scores


def _measure_growth(spec: RunSpec, device: torch.device, room: int, trained: int) -> float:
    """Bytes by which the peak grows with each image more in a batch; 0 where a larger batch may not fit.

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
    run = TrainingRun(spec, invent_data(spec, spec.train.batch_size, device), device, lambda: False)
    for _ in run.train_epoch():
        pass
    return peak_memory(device)


def _with_train(spec: RunSpec, **changes: float) -> RunSpec:
    return spec.model_copy(update={"train": spec.train.model_copy(update=changes)})


def invent_data(spec: RunSpec, count: int, device: torch.device) -> Data:
    """So many training images of noise, and some to validate on, in the spec's shape."""
    size, classes = spec.data.image_size, spec.data.num_classes
    draw = torch.Generator().manual_seed(0)

    def invent(images: int) -> ImageSet:
        pixels = torch.randint(256, (images, size, size, 3), dtype=torch.uint8, generator=draw)
        labels = torch.randint(classes, (images,), generator=draw)
        return ImageSet(pixels.permute(0, 3, 1, 2), labels).to(device)

    # As many as a batch of evaluation takes.
    val = invent(max(spec.train.batch_size, min(512, 4 * spec.train.batch_size)))
    names = tuple(map(str, range(classes)))
    return Data(invent(count), val, val, names, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), "")


def _find_room(device: torch.device) -> int:
    """Bytes that this process may come to hold on the device's memory, with what else is there now."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available + psutil.Process().memory_info().rss)


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
