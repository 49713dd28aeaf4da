"""The parts of `predict.py`, held against numpy, Pillow and the lab's own reading of arrays."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from core.data.channels import to_grey
from core.data.leftovers import SUFFIXES as LAB_SUFFIXES
from core.data.own_images import Brought, name_images
from core.engine.predict_script import (
    SUFFIXES,
    InputError,
    Member,
    fit,
    load_network,
    make_grey,
    open_images,
    read_array,
    require_own_ids,
    write,
)
from core.spec import ModelSpec

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 20, 32, 3), np.uint8)


def make_member(side: int) -> Member:
    return Member("x", "", ModelSpec(), side, side, False, 3, 255, (0.5,) * 3, (0.2,) * 3)


def save(path: Path, array: np.ndarray, version: tuple[int, int] = (1, 0)) -> Path:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version)
    path.write_bytes(buffer.getvalue())
    return path


@pytest.mark.parametrize(
    ("array", "wanted"),
    [
        (PIXELS, PIXELS),
        (PIXELS[..., :1], PIXELS[..., :1].repeat(3, 3)),
        (PIXELS[..., 0], PIXELS[..., :1].repeat(3, 3)),
        (np.ascontiguousarray(PIXELS.transpose(0, 3, 1, 2)), PIXELS),
        (PIXELS / 255, PIXELS),
        ((PIXELS / 255).astype(np.float32), PIXELS),
    ],
)
@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_arrays_are_read_without_numpy(
    tmp_path: Path, array: np.ndarray, wanted: np.ndarray, version: tuple[int, int]
) -> None:
    found = read_array(save(tmp_path / "x.npy", array, version))
    np.testing.assert_array_equal(found.permute(0, 2, 3, 1).numpy(), wanted)


@pytest.mark.parametrize(
    "array", [PIXELS.astype(np.int64), np.zeros((0, 8, 8), np.uint8), PIXELS[0, 0], np.full((2, 8, 8), np.nan)]
)
def test_other_arrays_are_sentences(tmp_path: Path, array: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"x\.npy holds"):
        read_array(save(tmp_path / "x.npy", array))
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x01\x00\x04\x00{}{}")
    with pytest.raises(InputError, match="that can be read"):
        read_array(tmp_path / "x.npy")


def test_grey_is_pillows() -> None:
    found = make_grey(torch.from_numpy(PIXELS).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
    np.testing.assert_array_equal(found, to_grey(PIXELS))


@pytest.mark.parametrize("side", [8, 20, 33])
def test_an_array_of_another_size_is_brought_to_it_as_pillow_does(side: int) -> None:
    found = fit(torch.from_numpy(PIXELS).permute(0, 3, 1, 2), make_member(side)).permute(0, 2, 3, 1).numpy()
    for image, ours in zip(PIXELS, found, strict=True):
        fitted = ImageOps.fit(Image.fromarray(image), (side, side), Image.Resampling.BILINEAR)
        assert np.abs(np.asarray(fitted).astype(int) - ours.astype(int)).max() <= 1


def test_images_of_a_folder_are_those_of_the_lab_in_its_order(tmp_path: Path) -> None:
    assert set(SUFFIXES) == LAB_SUFFIXES | {".avif"}  # which some builds of Pillow cannot read
    images = ["2.png", "10.png", "a.JPE", "A.jfif", "01.png", "1.png", "cats/1.pnm", f"{'7' * 25}.bmp"]
    hidden = ["._photo.png", ".Trash/old.png", "@eaDir/1.png/SYNOPHOTO_THUMB_M.jpg", "$RECYCLE.BIN/x.png", "~$x.png"]
    for name in [*images, *hidden, "notes.txt", "old.png~"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = open_images(tmp_path)[0]
    assert sorted(found) == sorted(images)
    assert found == name_images(Brought(str(tmp_path)))


def test_ids_that_come_twice_are_no_file_to_hand_in() -> None:
    require_own_ids([["1", "cat"], ["2", "cat"]], "stem")
    with pytest.raises(InputError, match="Several images have the same id by their stem"):
        require_own_ids([["1", "cat"], ["1", "dog"]], "stem")


def test_any_name_of_a_file_stands_in_a_line_of_the_table(tmp_path: Path) -> None:
    write([["caf\udce9.png", 3], ["a\r=1", 0.5]], ["file", "value"], str(tmp_path / "out.csv"))
    assert (tmp_path / "out.csv").read_bytes() == b'file,value\ncaf\\xe9.png,3\n"a\r=1",0.5\n'


def test_a_weights_file_that_changed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"other weights")
    with pytest.raises(InputError, match="not the file that came with this script, or it is damaged"):
        load_network(make_member(8), tmp_path)
