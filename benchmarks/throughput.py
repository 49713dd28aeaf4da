"""Images a second: our engine against a plain loop, on the same network, batch, images and machine.

The plain loop is the usual one: torchvision's transforms (crop, flip, to tensor, normalise) in a DataLoader, torch's
Adam; on a CPU two workers and float32, on a GPU four and autocast. Each of the two has a process of its own, and they
train in turns of a few seconds, so that whatever else the machine does meets both; the ratio quoted is the median over
the turns. On a busy machine two threads wait for each other and say little: take `--threads 1` there, and the ratio per
second of processor time (loader workers included).

    python -m benchmarks.throughput --seconds 30 --out benchmarks/results/throughput-cpu.json

The ceiling is what large matrix products reach, in the engine's precision and threads: floating-point operations a
second. A training step needs six of them for each multiply-add of a forward pass: two forward, four backward.

Real images are used where RESNET_LAB_IMAGES names a folder of them, else scikit-learn's digits.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import psutil
import torch
from rich.console import Console
from rich.table import Table
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from benchmarks.machine import RESULTS, describe_machine
from core.engine.data import Data, ImageSet, load_data
from core.engine.device import name_device, pick_device, pick_precision, pick_threads
from core.engine.events import Progress
from core.engine.model import build_model
from core.engine.step import make_plain_step
from core.engine.train import train
from core.launch.environment import worker_environment
from core.spec import RunSpec
from core.spec.cost import cost_of
from core.spec.parse import parse_spec
from core.spec.presets import PRESETS
from core.spec.settings import apply_settings

WORKERS = {"cpu": 2, "cuda": 4}
TURN_SECONDS = 5.0
FEWEST_IMAGES = 40_000  # so that no epoch ends while the clock runs

# Yields after each piece of work how many images have been trained on since the start.
Trainer = Iterator[int]


class PlainImages(Dataset[tuple[torch.Tensor, int]]):
    """Arrays in memory, one PIL image at a time, as torchvision's CIFAR10 does it."""

    def __init__(self, part: ImageSet, data: Data, padding: int) -> None:
        self.images = part.images.permute(0, 2, 3, 1).contiguous().numpy()  # (n, size, size, 3)
        self.labels = part.labels.tolist()
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(self.images.shape[1], padding=padding),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(data.mean, data.std),
            ]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> tuple[torch.Tensor, int]:
        return self.transform(transforms.functional.to_pil_image(self.images[place])), self.labels[place]


def train_plainly(spec: RunSpec, data: Data, device: torch.device) -> Trainer:
    """The loop that everyone writes."""
    dataset = PlainImages(data.train, data, spec.augment.crop_padding)
    loader = DataLoader(
        dataset,
        batch_size=spec.train.batch_size,
        shuffle=True,
        num_workers=WORKERS.get(device.type, 2),
        pin_memory=device.type == "cuda",
        persistent_workers=True,
    )
    model = build_model(spec.model, spec.data.num_classes, spec.data.image_size).to(device).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=spec.train.learning_rate, weight_decay=spec.train.weight_decay)
    done, running_loss = 0, 0.0
    while True:
        for images, labels in loader:
            images, labels = images.to(device, non_blocking=True), labels.to(device, non_blocking=True)
            optimizer.zero_grad()
            with torch.autocast("cuda", torch.bfloat16, enabled=device.type == "cuda"):
                loss = F.cross_entropy(model(images), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            running_loss += loss.item()
            done += len(labels)
            yield done


def train_with_engine(spec: RunSpec, data: Data, device: torch.device) -> Trainer:
    """What a run does, progress reports included."""
    for event in train(spec, data, device=device):
        if isinstance(event, Progress) and event.phase == "train":
            yield (event.epoch - 1) * len(data.train) + event.step * spec.train.batch_size


def train_by_plain_steps(spec: RunSpec, data: Data, device: torch.device) -> Trainer:
    """The engine without its CUDA graph; on a CPU there is none, and this is the same."""
    with mock.patch("core.engine.train.make_step", make_plain_step):
        yield from train_with_engine(spec, data, device)


@dataclass(frozen=True)
class Turn:
    """What one of the two did in its turn."""

    images: int
    seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        return self.images / self.seconds

    @property
    def cpu_rate(self) -> float:
        return self.images / self.cpu_seconds


def measure_turn(trainer: Trainer, seconds: float) -> Turn:
    """One turn. A first piece, uncounted, fills the loader's queue and warms the caches."""
    before, cpu, start = next(trainer), read_cpu_seconds(), time.perf_counter()
    done = before
    while time.perf_counter() - start < seconds:
        done = next(trainer)
    return Turn(done - before, time.perf_counter() - start, read_cpu_seconds() - cpu)


def read_cpu_seconds() -> float:
    """Of this process and the loader's workers."""
    me = psutil.Process()
    times = [process.cpu_times() for process in (me, *me.children(recursive=True))]
    return sum(spent.user + spent.system for spent in times)


MAKERS: dict[str, Callable[[RunSpec, Data, torch.device], Trainer]] = {
    "plain": train_plainly,
    "engine": train_with_engine,
    "plain steps": train_by_plain_steps,
}
COMPARED = ("plain", "engine")


class Rider:
    """One of them in a process of its own, as it would be alone; it stands still between its turns."""

    def __init__(self, name: str, batch_size: int, device: torch.device, threads: int = 0) -> None:
        words = ["--ride", name, "--batch-sizes", str(batch_size), "--device", str(device)]
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "benchmarks.throughput",
                *words,
                "--threads",
                str(threads or torch.get_num_threads()),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # A run's worker has this environment; the loop that everyone writes has none of its own.
            env=None if name == "plain" else worker_environment(),
        )

    def turn(self, seconds: float) -> Turn:
        self.begin(seconds)
        return self.result()

    def begin(self, seconds: float) -> None:
        assert self.process.stdin
        print(seconds, file=self.process.stdin, flush=True)

    def result(self) -> Turn:
        """Of the turn that was begun last, once it is over."""
        assert self.process.stdout
        return Turn(**json.loads(self.process.stdout.readline()))

    def end(self) -> None:
        self.process.communicate()


def ride(name: str, spec: RunSpec, data: Data, device: torch.device) -> None:
    """In that process: a turn for each line of seconds on standard input."""
    trainer = MAKERS[name](spec, data, device)
    for line in sys.stdin:
        print(json.dumps(asdict(measure_turn(trainer, float(line)))), flush=True)


def compare(batch_size: int, device: torch.device, seconds: float) -> dict[str, Any]:
    """Both in turns, for `seconds` each in all."""
    riders = {name: Rider(name, batch_size, device) for name in COMPARED}
    turns = max(1, round(seconds / TURN_SECONDS))
    done: dict[str, list[Turn]] = {name: [] for name in riders}
    for _ in range(turns):
        for name, rider in riders.items():
            done[name].append(rider.turn(seconds / turns))
    for rider in riders.values():
        rider.end()
    return {"batch_size": batch_size} | {
        measure: summarize({name: [getattr(turn, measure) for turn in told] for name, told in done.items()})
        for measure in ("rate", "cpu_rate")
    }


def summarize(rates: dict[str, list[float]]) -> dict[str, Any]:
    """Medians over the turns, and the median of the turns' ratios."""
    ratios = [ours / plain for ours, plain in zip(rates["engine"], rates["plain"], strict=True)]
    return {
        **{name: round(statistics.median(values), 1) for name, values in rates.items()},
        "ratio": round(statistics.median(ratios), 2),
        "turns": {name: [round(value, 1) for value in values] for name, values in rates.items()},
    }


def load_images() -> tuple[RunSpec, Data, str]:
    """The report's spec on images that are at hand, repeated until they fill an epoch that does not end."""
    spec = PRESETS["report"].spec.model_dump()
    folder = os.environ.get("RESNET_LAB_IMAGES")
    wanted = {"dataset": "folder", "folder": folder, "max_train_images": 5000} if folder else {"dataset": "digits"}
    checked = parse_spec(spec | {"data": wanted})
    data = load_data(checked.data)
    places = torch.arange(max(FEWEST_IMAGES, len(data.train))) % len(data.train)
    described = f"{len(data.train):,} different images of {'a folder' if folder else 'digits'}, 32x32"
    return checked, replace(data, train=ImageSet(*data.train.take(places))), described


def measure_peak(device: torch.device, dtype: torch.dtype, side: int = 2048, turns: int = 10) -> float:
    """Floating-point operations a second of the fastest of some square matrix products."""
    one, other = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    fastest = float("inf")
    for _ in range(turns):
        _wait_for(device)
        start = time.perf_counter()
        torch.mm(one, other)
        _wait_for(device)
        fastest = min(fastest, time.perf_counter() - start)
    return 2 * side**3 / fastest


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def describe_device(device: torch.device) -> dict[str, Any]:
    return {
        "device": str(device),
        "device_name": name_device(device),
        "threads": torch.get_num_threads(),
        "engine_precision": str(pick_precision("auto", device)).removeprefix("torch."),
        "load_average_before": round(os.getloadavg()[0], 2),
    }


def print_table(results: list[dict[str, Any]], about: str) -> None:
    table = Table(title="Training, images a second", caption=about)
    headings = (
        "batch size",
        "plain loop",
        "engine",
        "ratio",
        "ratio per processor second",
        "ceiling",
        "of the ceiling",
    )
    for heading in headings:
        table.add_column(heading, justify="right")
    for row in results:
        rate = row["rate"]
        cells = (f"{rate['plain']:.1f}", f"{rate['engine']:.1f}", f"{rate['ratio']:.2f}")
        ceiling = f"{row['ceiling']:.0f}", f"{row['of_ceiling']:.0%}"
        table.add_row(str(row["batch_size"]), *cells, f"{row['cpu_rate']['ratio']:.2f}", *ceiling)
    Console().print(table)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=25.0, help="for each of the two, at each batch size")
    parser.add_argument("--batch-sizes", type=int, nargs="+", help="16 and 128; on a GPU 16 and 512")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=0, help="0: as many as a run takes")
    parser.add_argument("--at-least", type=float, default=0.0, help="exit 1 where a ratio is below this")
    parser.add_argument("--out", type=Path, help="a JSON file for the results")
    parser.add_argument("--ride", choices=MAKERS, help=argparse.SUPPRESS)
    parser.add_argument("--keep", action="store_true", help="the file of this device in benchmarks/results")
    args = parser.parse_args(arguments)

    device = pick_device(args.device)
    torch.set_num_threads(args.threads or pick_threads())
    spec, data, images = load_images()
    used = describe_device(device)
    needed = 6 * cost_of(spec).multiply_adds  # floating-point operations an image
    results = []
    if args.ride:
        sized = parse_spec(apply_settings(spec.model_dump(), [f"train.batch_size={args.batch_sizes[0]}"]))
        ride(args.ride, sized, data, device)
        return 0
    for batch_size in args.batch_sizes or ([16, 512] if device.type == "cuda" else [16, 128]):
        peaks = [measure_peak(device, pick_precision("auto", device))]
        result = compare(batch_size, device, args.seconds)
        peaks.append(measure_peak(device, pick_precision("auto", device)))
        result |= {"peak_flops": round(max(peaks)), "flops_an_image": needed, "ceiling": max(peaks) / needed}
        results.append(result | {"of_ceiling": round(result["rate"]["engine"] * needed / max(peaks), 3)})
    parameters = sum(
        p.numel() for p in build_model(spec.model, spec.data.num_classes, spec.data.image_size).parameters()
    )
    network = f"the report's network, {parameters:,} parameters"
    print_table(results, f"{network}; {used['device_name']}, threads: {used['threads']}; {images}")
    if out := args.out or (RESULTS / f"throughput-{device.type}.json" if args.keep else None):
        out.parent.mkdir(parents=True, exist_ok=True)
        date = datetime.now(UTC).isoformat(timespec="seconds")
        report = {
            "date": date,
            "machine": describe_machine(),
            "used": used,
            "network": network,
            "images": images,
            "unit": "rate: images a second; cpu_rate: images a second of processor time, all threads and workers",
            "results": results,
        }
        out.write_text(json.dumps(report, indent=2) + "\n")
    return int(min(row["rate"]["ratio"] for row in results) < args.at_least)


if __name__ == "__main__":
    sys.exit(main())
