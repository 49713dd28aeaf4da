"""A file of numbered rows stays small, keeps its ends, and does not show where its writer was interrupted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.stats.thinning import MAX_KEPT, is_kept
from core.worker.within import SeriesFile

FIELDS = ("step", "loss")


def rows_of(steps: range) -> list[dict[str, Any]]:
    """What an engine notes: every step that is kept when it is the newest."""
    return [{"step": step, "loss": 1 / step} for step in steps if is_kept(step, step)]


def read_steps(path: Path) -> list[int]:
    return [json.loads(line)["step"] for line in path.read_bytes().splitlines()]


@given(st.lists(st.integers(1, 700), min_size=1, max_size=12))
def test_a_file_is_never_too_long_and_keeps_its_ends(
    tmp_path_factory: pytest.TempPathFactory, parts: list[int]
) -> None:
    path = tmp_path_factory.mktemp("series") / "rows.jsonl"
    series, last = SeriesFile(path, FIELDS), 0
    for part in parts:
        rows = rows_of(range(last + 1, last + part + 1))
        last += part
        # The engine notes an epoch's end too.
        series.add(rows if rows and rows[-1]["step"] == last else [*rows, {"step": last, "loss": 0.0}])
        assert len(read_steps(path)) <= MAX_KEPT
    series.flush(is_end=True)
    steps = read_steps(path)
    assert len(steps) <= MAX_KEPT
    assert steps == sorted(set(steps))
    assert steps[0] == 1
    assert steps[-1] == last
    assert all(is_kept(step, last) for step in steps[:-1])


@pytest.mark.parametrize(("checkpoint", "killed"), [(0, 300), (500, 700), (700, 1500), (999, 4500), (2000, 2001)])
def test_a_resumed_file_is_the_same_as_one_without_the_interruption(
    tmp_path: Path, checkpoint: int, killed: int
) -> None:
    whole, resumed = (SeriesFile(tmp_path / name, FIELDS) for name in ("whole.jsonl", "resumed.jsonl"))
    whole.add(rows_of(range(1, 5001)))
    resumed.add(rows_of(range(1, killed + 1)))
    after = SeriesFile(resumed.path, FIELDS)
    after.restore(lambda row: row["step"] <= checkpoint)
    after.add(rows_of(range(checkpoint + 1, 5001)))
    assert resumed.path.read_bytes() == whole.path.read_bytes()


def test_a_disk_that_takes_nothing_ends_no_training_and_loses_no_row(tmp_path: Path) -> None:
    series = SeriesFile(tmp_path / "away" / "rows.jsonl", FIELDS)
    series.add(rows_of(range(1, 4)))
    series.path.parent.mkdir()
    series.add(rows_of(range(4, 6)))
    assert read_steps(series.path) == [1, 2, 3, 4, 5]


def test_a_half_written_line_and_what_follows_a_damaged_one_are_noted_again(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"step": 1, "loss": 2.0}\n{"step": 1, "loss": 1.0}\n{"step": 3, "lo')
    series = SeriesFile(path, FIELDS)
    series.restore(lambda row: True)
    series.add([{"step": 2, "loss": 1.5}])
    assert read_steps(path) == [1, 2]
