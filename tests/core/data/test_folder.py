"""Folders are counted as they are, and one that cannot be trained on says why."""

import os
from pathlib import Path

import pytest
from PIL import Image

from core.data import folder
from core.data.folder import inspect_folder
from core.data.store import DataError
from tests.folders import make_folder


def test_a_folder_is_counted_with_or_without_test_images(tmp_path: Path) -> None:
    flat = inspect_folder(str(make_folder(tmp_path / "flat", {"cat": 3, "dog": 4})))
    assert (flat.classes, flat.num_train, flat.num_test) == (("cat", "dog"), 7, None)
    split_up = make_folder(tmp_path / "split", {"train/cat": 3, "train/dog": 4, "test/cat": 1, "test/dog": 1})
    status = inspect_folder(str(split_up))
    assert (status.classes, status.num_train, status.num_test, status.class_counts) == (("cat", "dog"), 7, 2, (3, 4))


def test_hidden_files_and_other_files_are_no_images_and_inner_folders_are(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "images", {"cat": 2, "cat/inner": 3, "dog": 2, ".hidden": 5, "dog/.thumbs": 4})
    (root / "cat" / ".DS_Store.png").write_bytes(b"x")
    (root / "cat" / "notes.txt").write_text("x")
    (root / "readme.md").write_text("x")
    assert inspect_folder(str(root)).class_counts == (5, 2)


def test_a_folder_that_changed_is_counted_again_and_otherwise_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_folder(tmp_path / "images", {"cat": 2, "cat/inner": 1, "dog": 2})
    assert inspect_folder(str(root)).num_train == 5
    with monkeypatch.context() as patched:
        patched.setattr(folder, "_read_classes", lambda *args: pytest.fail("read again"))
        assert inspect_folder(str(root)).num_train == 5
    for inside, expected in (("dog", 6), ("cat/inner", 7)):
        Image.new("RGB", (8, 8)).save(root / inside / "more.png")
        assert inspect_folder(str(root)).num_train == expected


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ({}, "holds no class folders; two or more are needed"),
        ({"cat": 3}, "holds only the class folder cat; two or more"),
        ({"cat": 3, "dog": 0}, "The class folder dog in .* holds no images"),
        ({"train/cat": 3, "train/dog": 2, "test/cow": 1}, "holds the class cow, which has no folder in train/"),
        ({"train/cat": 3, "train/dog": 2, "test/cat": 0}, "test holds no images"),
        ({"train/cat": 3, "train/dog": 2, "val/cat": 1}, "no test/; rename the folder"),
    ],
)
def test_a_folder_that_cannot_be_trained_on_says_why(tmp_path: Path, counts: dict[str, int], sentence: str) -> None:
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match=sentence):
        inspect_folder(str(make_folder(tmp_path / "images", counts)))


def test_a_missing_folder_a_file_and_no_name_are_sentences(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path, sentence in (("gone", "There is no folder"), ("file", "is a file; name the folder")):
        with pytest.raises(DataError, match=sentence):
            inspect_folder(str(tmp_path / path))
    with pytest.raises(DataError, match="Name the folder"):
        inspect_folder("  ")


def test_a_folder_that_may_not_be_read_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_folder(tmp_path / "images", {"cat": 1, "dog": 1})

    def refuse(path: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"images cannot be read: Permission denied\.$"):
        inspect_folder(str(root))
