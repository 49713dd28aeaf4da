"""Folders are read once each, links included; what is no image is counted."""

import os
from pathlib import Path

import pytest

from core.data.leftovers import EMPTY, LINK_AGAIN, LINK_NOWHERE, NO_FILE
from core.data.store import DataError
from core.data.walking import ROOTS, Walker
from tests.folders import make_folder


def read_class(root: Path, name: str) -> tuple[list[str], dict[str, int]]:
    """The images of a class folder, and what was left out, by reason."""
    walker = Walker(root)
    images = walker.images_in(str(root / name), 0)
    return [image.path for image in images], dict(walker.left_out.counts)


def test_linked_folders_are_followed_once_and_never_back(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "set", {"cat": 1, "cat/inner": 1, "dog": 1})
    make_folder(tmp_path / "elsewhere", {"more": 2, "more/deep": 1})
    for name, target in (
        *[("more", tmp_path / "elsewhere" / "more"), ("again", tmp_path / "elsewhere" / "more" / "deep")],
        *[("up", root), ("self", root / "cat"), ("disk", Path("/"))],
    ):
        (root / "cat" / name).symlink_to(target)
    (tmp_path / "elsewhere" / "more" / "ring").symlink_to(root)
    images, left_out = read_class(root, "cat")
    assert images == ["cat/000.png", "cat/again/000.png", "cat/inner/000.png", "cat/more/000.png", "cat/more/001.png"]
    assert left_out == {LINK_AGAIN: 5}


def test_a_link_to_another_class_or_to_the_folder_of_all_takes_no_image_twice(tmp_path: Path) -> None:
    root = make_folder(tmp_path, {"train/cat": 1, "train/dog": 2, "train/dog/inner": 1})
    for name, target in {"up": "..", "other": "../dog", "inside": "../dog/inner", "dead": "nowhere"}.items():
        (root / "train" / "cat" / name).symlink_to(target)
    images, left_out = read_class(root, "train/cat")
    assert images == ["train/cat/000.png"]
    assert left_out == {LINK_AGAIN: 3, LINK_NOWHERE: 1}


def test_what_is_called_an_image_and_is_none_is_left_out(tmp_path: Path) -> None:
    root = make_folder(tmp_path, {"cat": 2})
    (root / "cat" / "cloud.jpg").touch()
    (root / "cat" / "gone.jpg").symlink_to("nowhere.jpg")
    (root / "cat" / "ring.jpg").symlink_to("ring.jpg")
    os.mkfifo(root / "cat" / "pipe.jpg")
    images, left_out = read_class(root, "cat")
    assert len(images) == 2
    assert left_out == {EMPTY: 1, LINK_NOWHERE: 2, NO_FILE: 1}


def test_linked_folders_stay_below_the_allowed_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_folder(tmp_path / "set", {"cat": 1})
    (root / "cat" / "more").symlink_to(make_folder(tmp_path / "elsewhere", {"secret": 1}))
    monkeypatch.setenv(ROOTS, str(root))
    with pytest.raises(DataError, match="is not below"):
        read_class(root, "cat")
    monkeypatch.setenv(ROOTS, f"{root}{os.pathsep}{tmp_path / 'elsewhere'}")
    assert len(read_class(root, "cat")[0]) == 2
