"""Finished runs with plausible files but made-up curves, to see how the pages bear their number."""

from __future__ import annotations

import math
import random
from typing import Any

from core.runs.records import About
from core.runs.store import open_run, publish_run
from core.spec import RunSpec
from core.spec.presets import PRESETS
from core.system import files


def make_runs(count: int, epochs: int = 20, seed: int = 0) -> list[str]:
    """Fills the runs folder with `count` finished runs of `epochs` epochs; returns their ids."""
    draw = random.Random(seed)
    names = list(PRESETS)
    return [_make_run(PRESETS[names[number % len(names)]].spec, number, epochs, draw) for number in range(count)]


def _make_run(spec: RunSpec, number: int, epochs: int, draw: random.Random) -> str:
    train = spec.train.model_copy(update={"seed": number, "epochs": epochs, "milestones": (), "warmup_epochs": 0.0})
    spec = spec.model_copy(update={"train": train})
    run_id = publish_run(spec, About(name=f"made-up {number}", tags=("made-up",)))[0]
    folder = open_run(run_id).path
    files.write_json(folder / "environment.json", {"device": "cpu", "started": 0}, sync=False)
    rows = [make_row(epoch, epochs, draw) for epoch in range(1, epochs + 1)]
    (folder / "metrics.jsonl").write_bytes(b"".join(files.to_line(row) for row in rows))
    best = max(row["val/accuracy"] for row in rows)
    metrics = {"test/accuracy": best - 0.01, "test/accuracy_best": best - 0.005, "best/val_accuracy": best}
    files.write_json(folder / "end.json", {"state": "finished", "reason": "epochs", "metrics": metrics}, sync=False)
    return run_id


def make_row(epoch: int, epochs: int, draw: random.Random) -> dict[str, Any]:
    progress = 1 - math.exp(-4 * epoch / epochs)
    noise = draw.gauss(0, 0.005)
    return {
        "epoch": epoch,
        "step": 352 * epoch,
        "train/loss": 2.3 - 2.0 * progress + noise,
        "train/accuracy": min(1.0, 0.1 + 0.85 * progress + noise),
        "val/loss": 2.3 - 1.9 * progress - noise,
        "val/accuracy": min(1.0, 0.1 + 0.8 * progress - noise),
        "learning_rate": 0.1 * (1 - epoch / (epochs + 1)),
        "images_per_second": 1000.0 + 10 * noise,
        "seconds": 12.0 * epoch,
    }
