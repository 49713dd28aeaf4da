"""What people note of labels is kept beside the sets, and a list that is left out never changes."""

import json
import os
from pathlib import Path

import pytest

from core.data.catalogue import count_by_part
from core.data.notes import (
    LeftOutImage,
    Note,
    count_left_out,
    keep_list,
    list_left_out,
    read_list,
    read_notes,
    write_note,
)
from core.data.store import DataError
from core.engine.data import load_data
from core.spec import DataSpec
from tests.folders import make_folder

pytestmark = pytest.mark.usefixtures("lab_folders")


def spec_of(root: Path, **values: object) -> DataSpec:
    return DataSpec(**{"dataset": "folder", "folder": str(root), "image_size": 8, "folder_classes": 2, **values})


def test_a_note_is_kept_beside_the_set_and_can_be_taken_back(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "images", {"cat": 3, "dog": 3})
    before = sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*"))
    odd = os.fsdecode("cat/caf\u00e9 % \xff.png".encode("latin-1", "replace"))
    write_note(spec_of(root), "cat/001.png", Note("cat", "dog", "it barks", "ann"))
    write_note(spec_of(root), odd, Note("cat"))
    found = read_notes(spec_of(root, val_fraction=0.3))  # of the set, whatever is made of it
    assert set(found) == {"cat/001.png", odd}
    assert (found["cat/001.png"].should_be, found["cat/001.png"].remark, found["cat/001.png"].by) == (
        "dog",
        "it barks",
        "ann",
    )
    assert found["cat/001.png"].time > 0
    write_note(spec_of(root), odd, None)
    assert set(read_notes(spec_of(root))) == {"cat/001.png"}
    assert sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*")) == before
    assert read_notes(DataSpec()) == {}


def test_damaged_notes_and_long_remarks_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at most 500 letters; this one has 501"):
        write_note(DataSpec(), "3", Note("3", remark="x" * 501))
    write_note(DataSpec(), "3", Note("3"))
    (file,) = (tmp_path / "data" / "notes").glob("*.json")
    file.write_text("{")
    with pytest.raises(DataError, match=r"The notes in .* are damaged"):
        read_notes(DataSpec())


def test_a_list_is_named_by_what_it_holds_and_a_changed_one_is_refused(tmp_path: Path) -> None:
    images = [LeftOutImage("cat/002.png", 0, "train"), LeftOutImage("cat/001.png", 0, "train")]
    spec = spec_of(make_folder(tmp_path / "images", {"cat": 3, "dog": 3}))
    mark = keep_list(spec, images)
    assert mark == keep_list(spec, images[::-1])
    assert mark != keep_list(spec, images[:1])
    assert set(read_list(mark)) == set(images)
    assert count_left_out(mark) == {("train", 0): 2}
    assert list_left_out("") == frozenset()
    file = tmp_path / "data" / "notes" / "left-out" / f"{mark}.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"images": []}))
    with pytest.raises(DataError, match="was changed, and is another list now"):
        read_list(mark)
    with pytest.raises(DataError, match=r"data\.without = 0123456789abcdef: this machine has no such list"):
        list_left_out("0123456789abcdef")


def test_a_training_goes_without_the_images_of_the_list(tmp_path: Path) -> None:
    counts = {"train/cat": 12, "train/dog": 12, "test/cat": 4, "test/dog": 4}
    root = make_folder(tmp_path / "images", counts)
    whole = spec_of(root)
    gone = [LeftOutImage("train/cat/003.png", 0, "train"), LeftOutImage("test/dog/001.png", 1, "test")]
    some = spec_of(root, without=keep_list(whole, gone))
    before, after = load_data(whole), load_data(some)
    assert before.fingerprint != after.fingerprint
    assert len(before.train) + len(before.val) == len(after.train) + len(after.val) + 1
    assert (len(before.test), len(after.test)) == (8, 7)
    announced = count_by_part(some)
    assert (announced.train, announced.val, announced.test) == tuple(map(len, (after.train, after.val, after.test)))
    assert (
        load_data(spec_of(root, without=keep_list(whole, [LeftOutImage("gone.png", 0, "x")]))).fingerprint
        == before.fingerprint
    )


def test_digits_are_left_out_by_their_number() -> None:
    spec = DataSpec(image_size=8)
    mark = keep_list(spec, [LeftOutImage(str(number), label, "train") for number, label in ((0, 0), (1, 1))])
    data = load_data(spec.model_copy(update={"without": mark}))
    assert len(data.train) + len(data.val) + len(data.test) == 1795
