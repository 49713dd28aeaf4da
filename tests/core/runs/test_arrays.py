"""Arrays of a run folder are read where they are whole, and never unpickled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.runs import arrays
from core.runs.arrays import read_array, read_classes


def test_an_array_is_read_as_it_was_written(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(6, dtype=np.float32).reshape(2, 3))
    found = read_array(tmp_path / "a.npy")
    assert found is not None
    assert found.tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f8'  "])
def test_what_is_no_array_counts_as_missing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    assert read_array(tmp_path / "a.npy") is None
    assert read_array(tmp_path / "b.npy") is None


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}], object), allow_pickle=True)
    assert read_array(tmp_path / "a.npy") is None


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "a.npy", np.zeros(100))
    monkeypatch.setattr(arrays, "MAX_ARRAY_BYTES", 800)
    assert read_array(tmp_path / "a.npy") is None


def test_of_the_predicted_classes_the_whole_epochs_are_read(tmp_path: Path) -> None:
    """The last epoch's may be half written, or be ahead of its figures."""
    path = tmp_path / "classes.bin"
    np.array([[1, 2, 300], [4, 5, 6]], "<u2").tofile(path)
    with path.open("ab") as file:
        file.write(b"\x07\x00\x08")
    for epochs, rows in ((5, [[1, 2, 300], [4, 5, 6]]), (1, [[1, 2, 300]]), (0, [])):
        found = read_classes(path, 3, "uint16", epochs)
        assert found is not None
        assert found.tolist() == rows
    assert read_classes(tmp_path / "none.bin", 3, "uint16", 2) is None
