"""Folders are walked below those that are allowed, and nowhere else."""

from pathlib import Path

import pytest

from core.data.browse import list_starts, look_into
from core.data.store import DataError
from core.data.walking import ROOTS
from tests.folders import make_folder


def test_a_folder_shows_what_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_folder(tmp_path / "images", {"dog": 1, "cat": 2, ".hidden": 1, "__MACOSX": 1})
    (root / "readme.txt").write_text("x")
    (root / "cover.jpg").write_bytes(b"x")
    place = look_into(str(root))
    assert (place.path, place.above, place.folders, place.images) == (str(root), str(tmp_path), ("cat", "dog"), 1)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert list_starts() == [str(tmp_path)]
    assert look_into("/").above is None


def test_nothing_outside_of_the_allowed_folders_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_folder(tmp_path / "allowed", {"cat": 1})
    (tmp_path / "secret").mkdir()
    (root / "way out").symlink_to(tmp_path / "secret")
    monkeypatch.setenv(ROOTS, str(root))
    place = look_into(str(root))
    assert (place.above, place.folders) == (None, ("cat",))
    assert list_starts() == [str(root)]
    for path in (str(tmp_path), str(root / "way out"), f"{root}/../secret", str(tmp_path / "gone")):
        with pytest.raises(DataError, match="image folders are read only from there"):
            look_into(path)


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: No such file"):
        look_into(str(tmp_path / "gone"))
