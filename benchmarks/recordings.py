"""Trains the recipes of `benchmarks/recipes.py` and keeps what their run folders hold, in one small file a family.

    OMP_NUM_THREADS=1 python -m benchmarks.recordings healthy ill mixed --images FOLDER

A process of its own trains run after run through the engine and the worker's recorder, on one thread.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import os
import tempfile
import time
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.recipes import FAMILIES, PHOTOGRAPHS, Recipe
from core.engine.data import Data, ImageSet, load_data
from core.runs import layout
from core.runs.folder import Run
from core.runs.records import About
from core.runs.store import open_run, publish_run
from core.spec import DataSpec
from core.system.files import write_bytes
from core.system.locks import hold
from core.worker.local import train_on
from core.worker.run import drive_run
from core.worker.stop import StopSignal

RECORDINGS = Path(__file__).parent / "recordings"
DIGITS = 5  # significant ones of each figure that is kept
_KEPT_OF_ENVIRONMENT = ("train_images", "val_images", "test_images", "updates_per_epoch", "device", "threads", "notes")


class SlowSignal(StopSignal):
    """Is asked after every batch, and takes its time: as a process does that waits for a disk or for its neighbours."""

    @property
    def asked(self) -> bool:
        if not self.breaks_in:  # in training
            time.sleep(0.05)
        return self._asked

    @asked.setter
    def asked(self, value: bool) -> None:
        self._asked = value


@lru_cache(maxsize=4)
def _load(spec: DataSpec) -> Data:
    return load_data(spec)


def _swap_labels(data: Data) -> Data:
    """One image in twelve gets the label of the next class, in every part."""

    def swap(part: ImageSet) -> ImageSet:
        labels = part.labels.clone()
        places = torch.arange(5, len(labels), 12)
        labels[places] = (labels[places] + 1) % len(data.class_names)
        return replace(part, labels=labels)

    return replace(data, train=swap(data.train), val=swap(data.val), test=swap(data.test))


def _starve_classes(data: Data) -> Data:
    """All images of the first two classes, every twelfth of the others, in each part."""

    def starve(part: ImageSet) -> ImageSet:
        kept = [place for place, label in enumerate(part.labels.tolist()) if label < 2 or place % 12 == 0]
        return ImageSet(*part.take(torch.tensor(kept)))

    return replace(data, train=starve(data.train), val=starve(data.val), test=starve(data.test))


def _leak(data: Data) -> Data:
    """The training images are the test images too."""
    return replace(data, test=data.train)


SPOIL = {"swap labels": _swap_labels, "starve classes": _starve_classes, "leak": _leak}


def record(recipe: Recipe, images: str) -> dict[str, Any]:
    """Trains a recipe in a run folder of its own, and returns what that holds."""
    spec = recipe.make_spec(images)
    run = open_run(publish_run(spec, About(name=recipe.name))[0])
    stop = SlowSignal(run.path) if recipe.spoil == "wait" else StopSignal(run.path)
    change = SPOIL.get(recipe.spoil)

    def load(data: DataSpec) -> Data:
        return change(_load(data)) if change else _load(data)

    drive_run(run.path.parent, run.path, stop, partial(train_on, load=load))
    return describe(run, recipe)


def describe(run: Run, recipe: Recipe) -> dict[str, Any]:
    """What a run's folder holds, its figures by column and in few digits."""
    environment: dict[str, Any] = {**run.environment()}
    end: dict[str, Any] = {**(run.end() or {})}
    classes, labels = run.val_classes(), run.predictions("val_labels")
    spec = recipe.make_spec().model_dump(mode="json", exclude_defaults=True)
    return {
        "name": recipe.name,
        "illness": recipe.illness,
        "spec": spec,
        "rows": _by_column(run.rows()),
        "steps": _by_column(_read_lines(run.path / layout.STEPS)),
        "use": _by_column(_read_lines(run.path / layout.USE)),
        "environment": {key: environment[key] for key in _KEPT_OF_ENVIRONMENT if key in environment},
        "end": {key: end[key] for key in ("state", "reason", "kind", "epoch", "metrics") if key in end},
        "val_labels": None if labels is None else _pack(labels),
        "val_classes": None if classes is None else _pack(classes),
    }


def _read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _by_column(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [_shorten(row.get(name)) for row in rows] for name in names}


def _shorten(value: Any) -> Any:
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def _pack(array: np.ndarray[Any, Any]) -> str:
    return base64.b64encode(array.astype(np.uint8).tobytes()).decode()


def read_family(family: str) -> dict[str, dict[str, Any]]:
    """What was recorded before, by name."""
    path = RECORDINGS / f"{family}.json.gz"
    known = json.loads(gzip.decompress(path.read_bytes())) if path.exists() else []
    return {one["name"]: one for one in known}


def keep(family: str, recording: dict[str, Any]) -> None:
    """Adds a recording to those of its family, in the order of the recipes; others may be recorded beside it."""
    RECORDINGS.mkdir(exist_ok=True)
    with hold(RECORDINGS / f".{family}.lock"):
        known = read_family(family) | {recording["name"]: recording}
        names = [recipe.name for recipe in FAMILIES[family]()]
        lines = ",\n".join(json.dumps(known[name], separators=(",", ":")) for name in names if name in known)
        content = gzip.compress(f"[{lines}]\n".encode(), 9, mtime=0)
        write_bytes(RECORDINGS / f"{family}.json.gz", content)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("families", nargs="+", choices=sorted(FAMILIES))
    parser.add_argument("--images", default=os.environ.get("RESNET_LAB_IMAGES", ""), help="train/<class>/*.jpg ...")
    parser.add_argument("--only", default="", help="names that begin so; the others stay as they are")
    parser.add_argument("--again", action="store_true", help="also those that are recorded already")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RESNET_LAB_RUNS"] = folder
        os.environ["RESNET_LAB_DEVICES"] = "cpu"
        for family in arguments.families:
            kept = read_family(family)
            for recipe in FAMILIES[family]():
                if recipe.name.startswith(arguments.only) and (arguments.again or recipe.name not in kept):
                    start = time.monotonic()
                    kept[recipe.name] = record(recipe, arguments.images or PHOTOGRAPHS)
                    _tell(kept[recipe.name], time.monotonic() - start)
                    keep(family, kept[recipe.name])


def _tell(recording: dict[str, Any], seconds: float) -> None:
    rows, end = recording["rows"], recording["end"]
    accuracies = " ".join(f"{value:.2f}" for value in (rows.get("val/accuracy") or [])[-3:])
    losses = " ".join("-" if value is None else f"{value:.2f}" for value in (rows.get("train/loss") or []))
    print(f"{recording['name']}: {end.get('state')} {seconds:.1f} s; val {accuracies}; train {losses}", flush=True)


if __name__ == "__main__":
    main()
