"""Decoded images are kept once, verified when they are read, and made again where anything changed."""

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from core.data import cache, decoding
from core.data import folder as image_folder
from core.data.cache import cached_images
from core.data.store import DataError, data_folder, lock_for, work_folder
from core.data.survey import make_survey
from core.engine.data import load_data
from core.spec import DataSpec
from tests.folders import make_folder


@pytest.fixture
def folder(lab_folders: Path, tmp_path: Path) -> DataSpec:
    root = make_folder(tmp_path / "images", {"train/cat": 12, "train/dog": 15, "test/cat": 3, "test/dog": 4})
    return DataSpec(dataset="folder", folder=str(root), folder_classes=2, image_size=8)


def test_a_folder_is_decoded_once_and_again_where_a_file_changed(
    folder: DataSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[str] = []
    open_file = Image.open

    def count(path: str, **options: Any) -> Image.Image:
        decoded.append(path)
        return open_file(path, **options)

    monkeypatch.setattr(decoding.Image, "open", count)
    first = load_data(folder)
    assert len(decoded) == len(set(decoded)) == 34
    assert load_data(folder).fingerprint == first.fingerprint
    assert len(decoded) == 34
    Image.new("RGB", (8, 8), (9, 9, 9)).save(Path(folder.folder, "train/cat/000.png"))
    changed = load_data(folder)
    assert changed.fingerprint != first.fingerprint
    assert len(decoded) == 2 * 34
    assert len(list((data_folder() / "cache").iterdir())) == 1, "the copy of the former state is left behind"


@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
def test_a_damaged_copy_is_noticed_and_made_again(folder: DataSpec, damage: str) -> None:
    first = load_data(folder)
    (copy,) = (data_folder() / "cache").rglob("images.npy")
    content = bytearray(copy.read_bytes())
    content[-100] ^= 1
    copy.unlink()
    if damage != "gone":
        copy.write_bytes(content if damage == "flip" else content[:-100])
    assert load_data(folder).fingerprint == first.fingerprint
    assert (
        hashlib.sha256(load_data(folder).train.images.numpy().tobytes()).digest()
        == hashlib.sha256(first.train.images.numpy().tobytes()).digest()
    )


def test_what_a_killed_process_left_half_made_is_cleared_and_what_another_makes_is_not(folder: DataSpec) -> None:
    for key in ("dead", "busy"):
        (work_folder() / f"{key}.part").mkdir()
    with lock_for("cache-dead"):
        pass
    with lock_for("cache-busy"):
        load_data(folder)
    assert [path.name for path in work_folder().glob("*.part")] == ["busy.part"]


def test_a_full_disk_is_a_sentence(folder: DataSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1000, 900, 100))
    with pytest.raises(DataError, match=r"The decoded images need \d.* k?B in .*; \d+ B are free"):
        load_data(folder)


def test_images_that_do_not_fit_into_memory_are_a_sentence(folder: DataSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "available_memory", lambda: 1000)
    with pytest.raises(DataError, match=r"data\.image_size"):
        load_data(folder)


def test_deleting_the_decoded_copies_frees_their_bytes(lab_folders: Path, tmp_path: Path) -> None:
    listing = image_folder.list_images(str(make_folder(tmp_path / "images", {"cat": 3, "dog": 3})))
    cached_images(listing, DataSpec(image_size=8))
    held = cache.cache_bytes()
    assert held > 6 * 8 * 8 * 3
    assert cache.delete_caches() == held
    assert cache.cache_bytes() == 0


# Damaged images


def damage(spec: DataSpec, *names: str) -> None:
    for name in names:
        Path(spec.folder, name).write_text("no image")


def test_all_damaged_images_are_named_at_once_with_the_way_on(folder: DataSpec) -> None:
    damage(folder, *(f"train/cat/{place:03}.png" for place in range(4)), "test/dog/001.png")
    says = (
        r"^5 of 34 images cannot be decoded: train/cat/000\.png \(it is none of PNG.*\); .*; train/cat/002\.png .*; "
        r"and 2 more: .*the command data check lists them.* leave them out by .*data\.damaged=leave_out\)\.$"
    )
    for _ in range(2):  # the second time from the copy
        with pytest.raises(DataError, match=says):
            load_data(folder)


def test_a_set_goes_on_without_its_damaged_images_as_if_they_were_not_there(folder: DataSpec) -> None:
    names = ["train/cat/003.png", "train/dog/000.png", "test/dog/001.png"]
    damage(folder, *names)
    left = load_data(folder.model_copy(update={"damaged": "leave_out"}))
    assert sorted(fault.path for fault in left.left_out) == sorted(names)
    for name in names:
        Path(folder.folder, name).unlink()
    removed = load_data(folder)
    assert not removed.left_out
    assert left.fingerprint == removed.fingerprint
    assert torch.equal(left.train.images, removed.train.images)
    assert torch.equal(left.test.labels, removed.test.labels)


def test_a_class_of_damaged_images_alone_is_refused_in_any_case(folder: DataSpec) -> None:
    damage(folder, *(f"train/cat/{place:03}.png" for place in range(12)))
    with pytest.raises(DataError, match=r"No image of the class cat in .* can be decoded"):
        load_data(folder.model_copy(update={"damaged": "leave_out"}))
    with pytest.raises(DataError, match=r"^12 of 34 images"):
        load_data(folder)


@pytest.mark.parametrize("damaged", ["refuse", "leave_out"])
def test_a_set_of_which_nothing_can_be_decoded_is_refused_in_any_case(folder: DataSpec, damaged: str) -> None:
    damage(folder, *(str(path.relative_to(folder.folder)) for path in Path(folder.folder).rglob("*.png")))
    spec = folder.model_copy(update={"damaged": damaged})
    for look in (load_data, make_survey):
        with pytest.raises(DataError, match=r"^34 of 34 images cannot be decoded: .* Mend or remove them\.$"):
            look(spec)


def test_another_ground_is_another_copy_and_what_is_damaged_may_be_a_name_of_any_bytes(folder: DataSpec) -> None:
    clear = Path(folder.folder, "train/cat/000.png")
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(clear)
    broken = os.fsencode(folder.folder) + b"/train/dog/caf\xe9.png"
    Path(os.fsdecode(broken)).write_text("no image")
    spec = folder.model_copy(update={"damaged": "leave_out"})
    white, black = load_data(spec), load_data(spec.model_copy(update={"ground": "black"}))
    assert white.fingerprint != black.fingerprint
    assert load_data(spec).fingerprint == white.fingerprint
    assert list(map(str, load_data(spec).left_out)) == list(map(str, white.left_out))
    assert str(white.left_out[0]).startswith(r"train/dog/caf\xe9.png (it is none of PNG")
    with pytest.raises(DataError, match=r"train/dog/caf\\xe9\.png cannot be decoded"):
        load_data(folder)


def test_a_sample_is_scaled_like_the_decoded_set(folder: DataSpec) -> None:
    root = Path(folder.folder)
    for place, path in enumerate(sorted(root.rglob("*.png"))):
        Image.fromarray(np.full((8, 8), 100 if place else 4000, np.uint16)).save(path)
    listing = image_folder.list_images(folder.folder)
    alone, _ = cache.sample_images(listing, listing.train[-2:], folder)
    assert load_data(folder).scales == {"uint16": (0, 4095)}
    pixels, _ = cache.sample_images(listing, listing.train[-2:], folder)
    assert pixels.max() == 100 >> 4
    assert alone.max() == 100
    assert cache.decode_listing(listing, folder).digest == cached_images(listing, folder).digest


def test_specs_that_see_a_folder_otherwise_keep_each_others_copy(folder: DataSpec) -> None:
    for ground in ("white", "black", "white"):
        load_data(folder.model_copy(update={"ground": ground}))
    assert len(list((data_folder() / "cache").iterdir())) == 2
