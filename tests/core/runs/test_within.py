"""What a run notes within its epochs is read as means and columns, up to the first row that cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.runs.within import read_steps, read_use
from core.system import files


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_bytes(b"".join(map(files.to_line, rows)))
    return path


def step(number: int, images: int, loss: float | None, right: int) -> dict[str, Any]:
    return {"step": number, "epochs": number / 4, "seconds": number, "images": images, "loss": loss, "right": right}


def test_sums_become_means_over_the_images_since_the_row_before(tmp_path: Path) -> None:
    path = write(tmp_path / "steps.jsonl", step(1, 10, 20.0, 5), step(3, 30, 30.0, 20))
    notes = read_steps(path)
    assert not notes.fault
    assert [(row["step"], row["epoch"], row["train/loss"], row["train/accuracy"]) for row in notes.rows] == [
        (1, 0.25, 2.0, 0.5),
        (3, 0.75, 0.5, 0.75),
    ]
    assert read_steps(path) is notes


def test_a_sum_that_was_not_finite_leaves_gaps_only_beside_it(tmp_path: Path) -> None:
    rows = [step(1, 10, 20.0, 5), step(2, 20, None, 10), step(3, 30, None, 15)]
    notes = read_steps(write(tmp_path / "steps.jsonl", *rows))
    assert [row["train/loss"] for row in notes.rows] == [2.0, None, None]
    assert [row["train/accuracy"] for row in notes.rows] == [0.5, 0.5, 0.5]


def test_use_has_the_columns_that_the_metrics_have(tmp_path: Path) -> None:
    path = write(tmp_path / "use.jsonl", {"sample": 1, "seconds": 2.5, "cpu_percent": 90.0})
    assert read_use(path).rows == [{"seconds": 2.5, "system/cpu_percent": 90.0}]
    assert read_use(tmp_path / "none.jsonl").rows == []


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"step": 2, "epochs": 0.5}, "steps.jsonl, row 2: seconds is missing"),
        (step(1, 20, 1.0, 5), "steps.jsonl, row 2: step must rise from one to the next"),
    ],
)
def test_what_stands_before_a_row_that_cannot_be_is_shown(tmp_path: Path, row: dict[str, Any], fault: str) -> None:
    notes = read_steps(write(tmp_path / "steps.jsonl", step(1, 10, 20.0, 5), row, step(4, 40, 9.0, 20)))
    assert (len(notes.rows), notes.fault) == (1, fault)
