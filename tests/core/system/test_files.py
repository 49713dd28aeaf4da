"""Files that are old or new, never half written, and JSON that every reader accepts."""

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

from core.system import files
from core.system.files import DamagedFileError, find_note, is_storable, read_json, to_line, write_bytes, write_json


def test_a_note_is_an_object_or_nothing(tmp_path: Path) -> None:
    note = tmp_path / "note.json"
    assert find_note(note) is None
    write_json(note, {"done": 3})
    assert find_note(note) == {"done": 3}
    for damaged in ('{"done": 3', "[3]", "\0"):
        note.write_text(damaged)
        assert find_note(note) is None


def test_what_is_not_finite_becomes_null_and_is_listed(tmp_path: Path) -> None:
    write_json(tmp_path / "row", {"loss": math.nan, "steps": [1, -math.inf], "share": np.float32(0.5), "epoch": 3})
    written = {"loss": None, "steps": [1, None], "share": 0.5, "epoch": 3, "not_finite": ["loss", "steps[1]"]}
    assert read_json(tmp_path / "row") == written


def test_a_line_is_one_line_and_keeps_every_script() -> None:
    line = to_line({"name": "Größe\nü"})
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert "Größe" in line.decode()
    assert json.loads(line) == {"name": "Größe\nü"}


def test_numbers_that_json_does_not_know_are_read_as_null(tmp_path: Path) -> None:
    (tmp_path / "foreign").write_text('{"loss": NaN, "rate": Infinity, "epoch": 1}')
    assert read_json(tmp_path / "foreign") == {"loss": None, "rate": None, "epoch": 1}


def test_a_damaged_file_is_a_sentence_that_names_it_and_a_missing_one_is_not_damaged(tmp_path: Path) -> None:
    path = tmp_path / "end.json"
    with pytest.raises(FileNotFoundError):
        read_json(path)
    path.write_text("[1]")
    with pytest.raises(DamagedFileError, match=r"^end\.json holds no JSON object$"):
        read_json(path)
    path.write_text("[" * 100_000)
    with pytest.raises(DamagedFileError, match=r"^end\.json cannot be read: "):
        files.find_json(path)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "about.json"
    write_bytes(path, b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_half_a_character_cannot_be_stored() -> None:
    assert is_storable("Größe 😀")
    assert not is_storable("\ud800")
