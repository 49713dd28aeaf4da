"""What a standalone `train.py` does differently from the lab: its command line, its images, its files.

`core.export.standalone` puts it together with the engine's own code, as one file that needs only torch and torchvision,
and gives the constants below the run's values: this module is material, and runs in no process of the lab.
"""

from __future__ import annotations

import argparse
import base64
import csv
import json
import lzma
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.data.cache import decode_listing
from core.data.folder import list_images
from core.data.source import Source
from core.data.store import DataError
from core.engine.data import Data, arrange, make_digits, make_folder, read_torchvision
from core.engine.device import pick_device
from core.engine.events import Metrics, Progress
from core.engine.failures import explain_failures
from core.engine.state import to_cpu
from core.engine.train import TrainingRun
from core.spec import RunSpec
from core.system.errors import LabError
from core.system.names import readable

SPEC = RunSpec()
FINGERPRINT = ""  # of the run's images and their split
THREADS = 0  # that the run computed with on a CPU; 0 leaves the choice to torch
WITHOUT: frozenset[str] = frozenset()  # images that are left out, by name
DIGITS = ""  # scikit-learn's digits, packed: the labels (1797,), then the images (1797, 8, 8), from 0 to 16
QUANTILES: dict[float, str] = {}  # for each alpha its table, packed

_Result = TypeVar("_Result")


def main() -> int:
    """Trains the run, and writes metrics.csv, result.json, best.pt and last.pt; 0 if it came to its end."""
    arguments = parse_arguments()
    try:
        device = pick_device(arguments.device)
        if arguments.threads:
            torch.set_num_threads(arguments.threads)
        # All batches but the last have one shape: cuDNN's search for the fastest algorithm pays.
        torch.backends.cudnn.benchmark = True
        data = arrange(SOURCES[SPEC.data.dataset](arguments), SPEC.data, WITHOUT)
        if FINGERPRINT and data.fingerprint != FINGERPRINT:
            print("These images, or their split, are not those of the run: the figures will differ.", file=sys.stderr)
        with explain_failures(SPEC, device):
            train(data, device, Path(arguments.out))
    except (LabError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    if SPEC.data.dataset == "folder":
        parser.add_argument("--data", default=SPEC.data.folder, help="folder of images, one folder a class")
    elif SPEC.data.dataset != "digits":
        parser.add_argument("--data", default="data", help="folder in which torchvision keeps the data set")
        parser.add_argument("--download", action="store_true", help="fetch the data set if it is not there yet")
    parser.add_argument("--out", default=".", help="folder for metrics.csv, result.json, best.pt and last.pt")
    parser.add_argument("--device", default=SPEC.train.device, help="auto, cpu, mps, cuda or cuda:N")
    parser.add_argument(
        "--threads", type=int, default=THREADS, help="on a CPU; with another number sums are rounded otherwise"
    )
    return parser.parse_args()


def train(data: Data, device: torch.device, out: Path) -> None:
    """After every epoch: a line on the terminal and in metrics.csv, and the weights if they are the best so far."""
    run = TrainingRun(SPEC, data.to(device), device, lambda: False)
    out.mkdir(parents=True, exist_ok=True)
    rows: list[Metrics] = []
    while not run.state.is_over():
        do(run.train_epoch())
        metrics, is_best = run.end_epoch(do(run.validate()))
        rows.append(metrics)
        write_metrics(rows, out / "metrics.csv")
        print(describe_epoch(metrics), flush=True)
        if is_best and run.state.best:
            torch.save(run.state.best["weights"], out / "best.pt")
    torch.save(to_cpu(run.state.evaluated.state_dict()), out / "last.pt")
    result = do(run.finish()).metrics
    (out / "result.json").write_text(json.dumps(result, indent=2), encoding="utf-8")
    best = f", {result['test/accuracy_best']:.2%} (best)" if "test/accuracy_best" in result else ""
    print(f"Test accuracy {result['test/accuracy']:.2%} (last weights){best}.")


def do(steps: Generator[Progress, None, _Result]) -> _Result:
    """Runs all steps, shows the progress on a terminal, and returns their result."""
    while True:
        try:
            progress = next(steps)
        except StopIteration as end:
            result: _Result = end.value
            return result
        if sys.stdout.isatty():
            where = f"epoch {progress.epoch}: {progress.phase}, batch {progress.step} of {progress.steps}"
            print(f"{where}, {progress.images_per_second:,.0f} images/s", end="    \r", flush=True)


def write_metrics(rows: list[Metrics], path: Path) -> None:
    """One line an epoch, every figure with all its digits."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def describe_epoch(metrics: Metrics) -> str:
    facts = [
        f"epoch {metrics['epoch']}/{SPEC.train.epochs}",
        f"train loss {metrics['train/loss']:.4f}",
        *([f"val loss {metrics['val/loss']:.4f}"] if "val/loss" in metrics else []),
        *([f"val accuracy {metrics['val/accuracy']:.2%}"] if "val/accuracy" in metrics else []),
        f"learning rate {metrics['learning_rate']:.3g}",
        f"{metrics['seconds']:.1f} s",
    ]
    return "  ".join(facts)


def read_download(arguments: argparse.Namespace) -> Source:
    """A data set that torchvision keeps."""
    try:
        return read_torchvision(SPEC.data.dataset, arguments.data, download=arguments.download)
    except RuntimeError as error:
        advice = "name its folder by --data, or --download it."
        raise DataError(f"The data set is not, or not whole, in {arguments.data}: {advice}") from error


def read_folder(arguments: argparse.Namespace) -> Source:
    """The classes' folders, directly or inside train/, val/ and test/."""
    listing = list_images(arguments.data, SPEC.data.folder_parts)
    print(f"Decoding {len(listing.files):,} images of {readable(str(listing.root))}.", flush=True)
    source = make_folder(listing, decode_listing(listing, SPEC.data))
    for fault in source.left_out:
        print(f"Left out: {fault}", file=sys.stderr)
    return source


def read_digits(arguments: argparse.Namespace) -> Source:
    content = np.frombuffer(unpack(DIGITS), np.uint8)
    count = len(content) // 65  # a label and 8 x 8 pixels each
    return make_digits(content[count:].reshape(count, 8, 8), content[:count])


# By the name of the data set in a spec.
SOURCES: dict[str, Callable[[argparse.Namespace], Source]] = {
    "digits": read_digits,
    "folder": read_folder,
    "cifar10": read_download,
    "cifar100": read_download,
    "fashionmnist": read_download,
    "svhn": read_download,
}


def beta_quantiles(alpha: float) -> Tensor:
    """Beta(alpha, alpha) as a table, made with scipy in the lab: a uniform index draws from the distribution."""
    if alpha not in QUANTILES:
        raise ValueError(f"This file holds no quantiles for an alpha of {alpha}: export the run once more with it.")
    # Packed are the bits of the rising values as integers, each as its distance from the one before.
    steps: npt.NDArray[np.int32] = np.frombuffer(unpack(QUANTILES[alpha]), "<i4")
    return torch.from_numpy(np.cumsum(steps, dtype=np.int32).view(np.float32))


def unpack(text: str) -> bytes:
    return lzma.decompress(base64.b85decode("".join(text.split())))


if __name__ == "__main__":
    sys.exit(main())
