"""Folders are counted as they are, and one that cannot be trained on says why."""

import os
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from core.data import folder
from core.data.folder import inspect_folder, list_images
from core.data.parts import FolderQuestion
from core.data.store import DataError
from tests.folders import make_folder


def left_out(root: Path, parts: str = "") -> dict[str, int]:
    return {left.reason: left.number for left in inspect_folder(str(root), parts).left_out}


def test_a_folder_is_counted_with_or_without_test_images(tmp_path: Path) -> None:
    flat = inspect_folder(str(make_folder(tmp_path / "flat", {"cat": 3, "dog": 4})))
    assert (flat.classes, flat.num_train, flat.num_val, flat.num_test) == (("cat", "dog"), 7, None, None)
    split_up = make_folder(tmp_path / "split", {"train/cat": 3, "train/dog": 4, "test/cat": 1, "test/dog": 1})
    status = inspect_folder(str(split_up))
    assert (status.classes, status.num_train, status.num_test, status.class_counts) == (("cat", "dog"), 7, 2, (3, 4))


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [
        ("Training", "", "Testing"),
        ("Train", "", "Test"),
        ("seg_train/seg_train", "", "seg_test/seg_test"),
        ("train", "val", ""),
        ("TRAIN", "Valid", "TEST"),
        ("training_set", "dev_set", "test_set"),
        ("dataset/train", "dataset/validation", "dataset/test"),
        ("archive/data/train/images", "", "archive/data/test/images"),
    ],
)
def test_parts_are_no_classes(tmp_path: Path, train: str, val: str, test: str) -> None:
    places = {"train": train, "val": val, "test": test}
    counts = {"train": (4, 5), "val": (2, 1), "test": (1, 3)}
    for part, place in places.items():
        if place:
            make_folder(tmp_path / place, dict(zip(("cat", "dog"), counts[part], strict=True)))
    status = inspect_folder(str(tmp_path))
    assert status.classes == ("cat", "dog")
    assert status.class_counts == counts["train"]
    assert status.val_counts == (counts["val"] if val else None)
    assert status.test_counts == (counts["test"] if test else None)
    assert dict(status.places) == {part: place for part, place in places.items() if place}
    listing = list_images(str(tmp_path))
    assert listing.files == listing.train + (listing.val or ()) + (listing.test or ())
    assert [listing.count(part) for part in (listing.train, listing.val, listing.test)] == [
        *[status.class_counts, status.val_counts, status.test_counts]
    ]
    assert all(Path(tmp_path, file.path).parent.name == status.classes[file.label] for file in listing.files)


@pytest.mark.parametrize("inside", ["", "/unknown", "/test"])
def test_test_images_without_class_folders_are_told_and_not_used(tmp_path: Path, inside: str) -> None:
    root = make_folder(tmp_path, {"train/cat": 3, "train/dog": 4, f"test{inside}": 5})
    assert inspect_folder(str(root)).num_test is None
    assert left_out(root) == {"images in test/ without class folders: unlabelled, so not used": 5}


def test_what_is_beside_the_parts_is_told_and_not_used(tmp_path: Path) -> None:
    root = make_folder(tmp_path, {"train/cat": 3, "train/dog": 4, "test/cat": 1, "pred": 6, "train": 0} | {"a": 0})
    Image.new("RGB", (8, 8)).save(root / "logo.png")
    assert left_out(root) == {"images in pred/, which is not used": 6, "images outside the class folders": 1}


def test_a_class_of_trains_beside_others_is_a_class(tmp_path: Path) -> None:
    root = make_folder(tmp_path, {"bus": 1, "car": 2, "train": 3})
    assert inspect_folder(str(root)).class_counts == (1, 2, 3)


def test_what_looks_like_parts_is_asked_about_until_somebody_says(tmp_path: Path) -> None:
    counts = {"amazon/cat": 3, "amazon/dog": 2, "dslr/cat": 1, "dslr/dog": 1}
    root = make_folder(tmp_path, counts)
    for _ in range(2):  # the second time from what is known
        with pytest.raises(FolderQuestion, match="look like parts"):
            inspect_folder(str(root))
    with pytest.raises(FolderQuestion):
        list_images(str(root))
    answers = {
        "classes": ((5, 2), None, None),
        "train=amazon": ((3, 2), None, None),
        "train=amazon, test=dslr": ((3, 2), None, (1, 1)),
        "val=amazon, train=dslr": ((1, 1), (3, 2), None),
    }
    for parts, expected in answers.items():
        status = inspect_folder(str(root), parts)
        assert (status.class_counts, status.val_counts, status.test_counts) == expected
    assert left_out(root, "train=amazon") == {"images in dslr/, which is not used": 2}


def test_a_part_beside_class_folders_can_be_named(tmp_path: Path) -> None:
    root = make_folder(tmp_path, {"cat": 3, "dog": 2, "test/cat": 1, "test/dog": 1})
    with pytest.raises(FolderQuestion, match=r"test/, which looks like a part"):
        inspect_folder(str(root))
    status = inspect_folder(str(root), "test=test")
    assert (status.classes, status.class_counts, status.test_counts) == (("cat", "dog"), (3, 2), (1, 1))
    assert left_out(root, "skip=test") == {"images in test/, which is not used": 2}


def test_a_folder_with_the_same_classes_beside_the_parts_is_asked_about(tmp_path: Path) -> None:
    root = make_folder(tmp_path, {f"{part}/{name}": 2 for part in ("train", "extra") for name in ("cat", "dog")})
    with pytest.raises(FolderQuestion, match="extra/ beside train/, with the same classes") as caught:
        inspect_folder(str(root))
    answers = [choice.parts for choice in caught.value.choices]
    assert answers == ["train=train, val=extra", "train=train, test=extra", "train=train, skip=extra"]
    assert [inspect_folder(str(root), parts).num_val for parts in answers] == [4, None, None]


def test_hidden_files_and_other_files_are_no_images_and_inner_folders_are(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "images", {"cat": 2, "cat/inner": 3, "dog": 2, ".hidden": 5, "dog/.thumbs": 4})
    (root / "cat" / ".DS_Store.png").write_bytes(b"x")
    (root / "cat" / "notes.txt").write_text("x")
    (root / "readme.md").write_text("x")
    assert inspect_folder(str(root)).class_counts == (5, 2)
    assert left_out(root) == {
        **{".md files": 1, ".txt files": 1},
        "left by systems and tools": 3,
    }


def test_what_systems_leave_is_neither_class_nor_part_nor_wrapper(tmp_path: Path) -> None:
    root = make_folder(tmp_path, {"set/cat": 2, "set/dog": 2, "__MACOSX/set/cat": 2, "set/@eaDir": 1, "lost+found": 0})
    (root / "set" / "labels").mkdir()
    (root / "set" / "labels" / "cat.xml").write_text("x")
    assert inspect_folder(str(root)).classes == ("cat", "dog")
    assert left_out(root) == {"left by systems and tools": 3, "folders of labels and the like, without images": 1}


def test_a_folder_that_changed_is_counted_again_and_otherwise_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_folder(tmp_path / "images", {"cat": 2, "cat/inner": 1, "dog": 2})
    (root / "dog" / "cloud.png").touch()
    assert inspect_folder(str(root)).num_train == 5
    with monkeypatch.context() as patched:
        patched.setattr(folder, "_Reader", lambda *args: pytest.fail("read again"))
        assert inspect_folder(str(root)).num_train == 5
    (root / "labels").mkdir()
    assert inspect_folder(str(root)).num_train == 5
    for inside, expected in (("dog/more", 6), ("cat/inner/more", 7), ("dog/cloud", 8)):
        Image.new("RGB", (8, 8)).save(root / f"{inside}.png")
        assert inspect_folder(str(root)).num_train == expected
    Image.new("RGB", (8, 8)).save(root / "labels" / "first.png")  # a class from now on
    assert inspect_folder(str(root)).classes == ("cat", "dog", "labels")


def test_classes_of_held_out_images_may_be_written_in_another_case_or_form(tmp_path: Path) -> None:
    composed, apart = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    root = make_folder(tmp_path, {f"train/{composed}": 2, "train/Dog": 3, f"test/{apart}": 1, "test/dog": 2})
    assert inspect_folder(str(root)).test_counts == (2, 1)  # in the order Dog, café


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ({}, "holds no class folders; two or more are needed"),
        ({"cat": 3}, "holds only the class folder cat; two or more"),
        ({"cat": 3, "dog": 0}, "The class folder dog in .* holds no images"),
        ({"train/cat": 3, "train/dog": 2, "test/cow": 1}, "holds the class cow, which has no folder in train/"),
        ({"train/cat": 3, "train/dog": 2, "test/cat": 0}, "test holds no images"),
        ({"train/cat": 3, "train/dog": 2, "val": 0}, "val holds no images"),
        ({"train": 3, "test": 2}, "train holds 3 images without class folders"),
        ({"test/cat": 3, "val/cat": 2}, "holds test/ and val/, and no folder of training images"),
    ],
)
def test_a_folder_that_cannot_be_trained_on_says_why(tmp_path: Path, counts: dict[str, int], sentence: str) -> None:
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match=sentence):
        inspect_folder(str(make_folder(tmp_path / "images", counts)))


def test_a_class_whose_images_cannot_be_read_says_so(tmp_path: Path) -> None:
    root = make_folder(tmp_path, {"cat": 1, "dog": 0})
    for number in range(3):
        (root / "dog" / f"{number}.heic").write_bytes(b"x")
    with pytest.raises(DataError, match=r"dog in .* holds only HEIC images, which cannot be decoded here \(3\)\."):
        inspect_folder(str(root))


def test_parts_that_are_not_there_or_cannot_be_read_are_sentences(tmp_path: Path) -> None:
    root = make_folder(tmp_path, {"cat": 1, "dog": 1})
    with pytest.raises(DataError, match=r"data\.folder_parts names cow, and .* holds no such folder"):
        inspect_folder(str(root), "test=cow")
    with pytest.raises(DataError, match=r"data\.folder_parts names \.\./cow"):
        inspect_folder(str(root), "test=../cow")
    with pytest.raises(DataError, match=r"data\.folder_parts = cow: write classes, or folders"):
        inspect_folder(str(root), "cow")


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
