"""A metrics file is followed as it grows, and what is read off it."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from core.runs.metrics import best_epoch, find_fault, read_rows, thin_out
from core.system import files


def test_best_epoch_is_chosen_on_validation_accuracy_then_on_validation_loss() -> None:
    frame = pd.DataFrame({"epoch": [1, 2, 3], "val/accuracy": [0.5, 0.9, 0.9], "val/loss": [1.0, 0.4, 0.3]})
    assert best_epoch(frame) == 3
    assert best_epoch(frame.iloc[:0]) is None
    assert best_epoch(frame.assign(**{"val/accuracy": np.nan})) is None


def test_metrics_cut_at_any_byte_show_all_their_whole_lines(tmp_path: Path) -> None:
    lines = [files.to_line({"epoch": n, "val/loss": n / 7}) for n in range(1, 7)]
    content = b"".join(lines)
    for cut in range(len(b"".join(lines[:3])), len(content) + 1):
        path = tmp_path / f"{cut}.jsonl"
        path.write_bytes(content[:cut])
        assert [row["epoch"] for row in read_rows(path)] == list(range(1, content[:cut].count(b"\n") + 1))


def test_metrics_are_followed_as_they_grow_and_when_they_are_written_again(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    assert read_rows(path) == []
    for n in range(1, 4):
        with path.open("ab") as file:
            file.write(files.to_line({"epoch": n}))
        assert len(read_rows(path)) == n
    # Cut back and written on to a greater length between two looks.
    path.write_bytes(b"".join(files.to_line({"epoch": n, "again": 1}) for n in range(1, 6)))
    assert [row.get("again") for row in read_rows(path)] == [1] * 5


def test_many_lines_are_read_as_one_by_one_whatever_they_hold(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    whole = [files.to_line({"epoch": epoch}) for epoch in range(300)]
    path.write_bytes(b"".join(whole))
    assert read_rows(path) == [{"epoch": epoch} for epoch in range(300)]
    for odd in (b'{"epoch": \n', b'{"a": 1}, {"b": 2}\n', b'{"a": 1\n"b": 2}\n', b"[]\n", b"\xff\n", b"\n", b"NaN\n"):
        other = tmp_path / f"{odd!r}.jsonl".replace("/", "")
        other.write_bytes(b"".join([*whole[:150], odd, *whole[150:]]))
        assert [row["epoch"] for row in read_rows(other) if "epoch" in row] == list(range(300))


@given(st.lists(st.floats(0, 1) | st.none(), max_size=200))
def test_a_thinned_curve_keeps_its_ends_and_its_limit(values: list[float | None]) -> None:
    known, thin = [v for v in values if v is not None], thin_out(values, 40)
    assert len(thin) == min(len(known), 40)
    assert (thin[:1], thin[-1:]) == (known[:1], known[-1:])


def test_figures_that_other_programs_write_as_nan_are_read_alike_at_once_and_line_by_line(tmp_path: Path) -> None:
    lines = [b'{"epoch": %d, "val/loss": NaN}\n' % epoch for epoch in range(200)]
    at_once, followed = tmp_path / "at-once.jsonl", tmp_path / "followed.jsonl"
    at_once.write_bytes(b"".join(lines))
    for stop in range(50, 201, 50):
        followed.write_bytes(b"".join(lines[:stop]))
        read_rows(followed)
    assert read_rows(at_once) == read_rows(followed) == [{"epoch": epoch, "val/loss": None} for epoch in range(200)]
    assert find_fault(at_once) == find_fault(followed) == ""


def test_a_fault_is_named_by_its_line_and_gone_once_it_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    lines = [b'{"epoch": 1}\n', b"half a li\n", b'{"epoch": 2}\n', b'{"epoch": "x"}\n', b'{"epoch": 4}\n']
    path.write_bytes(b"".join(lines))
    assert find_fault(path) == "metrics.jsonl, line 4: epoch: must be a whole number up to 10,000"
    assert [row["epoch"] for row in read_rows(path)] == [1, 2]
    path.write_bytes(b"".join(lines).replace(b'"x"', b"10001"))
    assert find_fault(path) == "metrics.jsonl, line 4: epoch: must be a whole number up to 10,000"
    path.write_bytes(b"".join(lines).replace(b'"x"', b"  3"))  # of the same length as at first
    assert find_fault(path) == ""
    assert [row["epoch"] for row in read_rows(path)] == [1, 2, 3, 4]


def test_zeros_in_place_of_lines_are_a_fault_and_not_read_into_memory(tmp_path: Path) -> None:
    sparse, tail = tmp_path / "sparse.jsonl", tmp_path / "tail.jsonl"
    with sparse.open("wb") as file:
        file.truncate(10**9)
    assert find_fault(sparse) == "sparse.jsonl is larger than 256 MB"
    tail.write_bytes(b'{"epoch": 1}\n')
    os.truncate(tail, 2_000_000)
    assert find_fault(tail) == "tail.jsonl, line 2: is no line of figures, but over 1 MB long"
    assert read_rows(tail) == [{"epoch": 1}]
