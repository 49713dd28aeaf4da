"""Files that are old or new, never half written, and JSON that every reader accepts."""

import errno
import math
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.system import files
from core.system.files import DamagedFileError, find_note, is_storable, read_json, write_json
from tests.strict_json import strict


def test_a_note_is_an_object_or_nothing(tmp_path: Path) -> None:
    note = tmp_path / "note.json"
    assert find_note(note) is None
    write_json(note, {"done": 3})
    assert find_note(note) == {"done": 3}
    for damaged in ('{"done": 3', "[3]", "\0"):
        note.write_text(damaged)
        assert find_note(note) is None


def test_numbers_of_numpys_are_written_as_numbers(tmp_path: Path) -> None:
    write_json(tmp_path / "row", {"share": np.float32(0.5), "epoch": np.int64(3), "loss": np.float32(math.nan)})
    assert read_json(tmp_path / "row") == {"share": 0.5, "epoch": 3, "loss": None, "not_finite": ["loss"]}


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


def test_half_a_character_cannot_be_stored() -> None:
    assert is_storable("Größe 😀")
    assert not is_storable("\ud800")


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=10,
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), json_values))
def test_every_value_is_written_as_strict_json(tmp_path: Path, value: dict) -> None:
    files.write_json(tmp_path / "x.json", value, sync=False)
    for text in ((tmp_path / "x.json").read_text(), files.to_line(value).decode()):
        strict(text)
    assert files.to_line(value).count(b"\n") == 1


def test_what_was_not_finite_is_named() -> None:
    record = files.to_strict({"a": {"b": [1.0, math.nan]}, "c": -math.inf})
    assert record == {"a": {"b": [1.0, None]}, "c": None, "not_finite": ["a.b[1]", "c", "c = -Infinity"]}
    assert files.read_not_finite(record) == {"a.b[1]": pytest.approx(math.nan, nan_ok=True), "c": -math.inf}


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    files.write_json(tmp_path / "x.json", {"old": 1})
    monkeypatch.setattr(os, step, lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        files.write_json(tmp_path / "x.json", {"new": 1})
    assert files.read_json(tmp_path / "x.json") == {"old": 1}
    assert os.listdir(tmp_path) == ["x.json"]


def test_a_secret_is_never_readable_by_others_not_even_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    replace = os.replace
    monkeypatch.setattr(
        files.os, "replace", lambda old, new: (seen.append(old.stat().st_mode & 0o777), replace(old, new))
    )
    files.write_bytes(tmp_path / "secret.json", b"{}", mode=0o600)
    assert seen == [0o600]
