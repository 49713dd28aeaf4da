"""Decoded images are kept once, verified when they are read, and made again where anything changed."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data import cache, decoding
from core.data import folder as image_folder
from core.data.cache import cached_images
from core.data.decoding import decode_image
from core.data.store import DataError, data_folder, lock_for, work_folder
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

    def count(path: str, size: int) -> np.ndarray:
        decoded.append(path)
        return decode_image(path, size)

    monkeypatch.setattr(decoding, "decode_image", count)
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
    with pytest.raises(DataError, match=r"The decoded images need .* GB in .*; 0\.0 GB are free"):
        load_data(folder)


def test_images_that_do_not_fit_into_memory_are_a_sentence(folder: DataSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_free_memory", lambda: 1000)
    with pytest.raises(DataError, match=r"data\.image_size"):
        load_data(folder)


def test_deleting_the_decoded_copies_frees_their_bytes(lab_folders: Path, tmp_path: Path) -> None:
    listing = image_folder.list_images(str(make_folder(tmp_path / "images", {"cat": 3, "dog": 3})))
    cached_images(listing, 8)
    held = cache.cache_bytes()
    assert held > 6 * 8 * 8 * 3
    assert cache.delete_caches() == held
    assert cache.cache_bytes() == 0
