"""The example trains, and its run is in the lab with its curves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.runs.listing import list_runs
from core.runs.store import open_run
from core.system.folders import PROJECT


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Dark and bright squares, eight of each in a part."""
    generator = np.random.default_rng(0)
    for part in ("train", "val"):
        for name, level in (("dark", 40), ("bright", 200)):
            folder = tmp_path / "squares" / part / name
            folder.mkdir(parents=True)
            for number in range(8):
                pixels = generator.integers(level - 30, level + 30, (40, 40, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "squares"


def test_it_trains_on_a_folder_of_images_and_logs_into_the_lab(lab_folders: Path, images: Path) -> None:
    command = [sys.executable, "examples/train_torchvision.py", str(images), "--epochs", "2", "--batch-size", "8"]
    done = subprocess.run(
        [*command, "--image-size", "32"],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "epoch 2: validation accuracy" in done.stdout, done.stderr
    (summary,) = list_runs()
    assert (summary.name, summary.state, summary.tags) == ("resnet18", "finished", ("squares", "torchvision"))
    assert (summary.learning_rate, summary.batch_size, summary.epoch) == (0.01, 8, 2)
    series = open_run(summary.id).series().series
    assert {name: len(points) for name, points in series.items()} == {
        "train/loss": 4,
        "epoch": 6,
        "val/loss": 2,
        "val/accuracy": 2,
    }
    assert summary.last_val_accuracy == series["val/accuracy"].values[-1]
