"""Images that somebody brings are found, named, ordered and decoded, whatever they come in."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.data.decoding import Look, decode_image
from core.data.own_images import (
    Brought,
    ChoiceError,
    decode_some,
    is_image,
    keep_files,
    list_arrays,
    name_images,
    open_images,
    sort_as_read,
)
from core.data.store import DataError

LOOK = Look(8)


def make_png(level: int, side: int = 12) -> bytes:
    buffer = io.BytesIO()
    pixels = np.tile(np.arange(side, dtype=np.uint8)[:, None, None] + level, (1, side, 3))
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "images"
    for name in ("b/10.png", "b/2.png", "a/1.PNG", "b/notes.txt", ".DS_Store", "__MACOSX/b/._2.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(make_png(len(name)))
    return root


def open_path(path: Path, array: str = ""):
    return open_images(Brought(str(path), array))


def test_a_folder_and_its_zip_hold_the_same_images_in_the_order_people_count(folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "same.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in folder.rglob("*"):
            archive.write(path, path.relative_to(folder))
    for images in (open_path(folder), open_path(tmp_path / "same.zip")):
        assert list(images.names) == ["a/1.PNG", "b/2.png", "b/10.png"]
        pixels, faults = decode_some(images, 1, 5, LOOK)
        assert (pixels.shape, faults) == ((2, 8, 8, 3), {})
        np.testing.assert_array_equal(pixels[1], decode_image(folder / "b" / "10.png", LOOK))


def test_one_file_is_a_set_of_one(folder: Path) -> None:
    assert list(open_path(folder / "b" / "2.png").names) == ["2.png"]


def test_what_cannot_be_read_is_told_by_its_index_and_holds_nothing_up(folder: Path) -> None:
    (folder / "b" / "2.png").write_bytes(b"no image")
    pixels, faults = decode_some(open_path(folder), 0, 3, LOOK)
    assert list(faults) == [1]
    assert "2.png cannot be decoded" in faults[1]
    assert pixels[0].any()
    assert pixels[2].any()


@given(st.lists(st.integers(0, 10**6), unique=True))
def test_numbers_in_names_count_as_numbers(numbers: list[int]) -> None:
    names = [f"img{number}.png" for number in numbers]
    assert sort_as_read(names) == [f"img{number}.png" for number in sorted(numbers)]


@given(st.lists(st.text(max_size=6)))
def test_sorting_is_the_same_from_any_order(names: list[str]) -> None:
    assert sort_as_read(names) == sort_as_read(names[::-1])


@pytest.mark.parametrize("name", ["a.png", "x/y.JPG", "deep/er/z.tiff"])
def test_images_are_known_by_their_suffix(name: str) -> None:
    assert is_image(name)


@pytest.mark.parametrize("name", ["a.txt", "png", ".hidden.png", "__MACOSX/a.png", ".cache/a.png"])
def test_what_is_left_beside_images_is_none(name: str) -> None:
    assert not is_image(name)


# Arrays


@pytest.mark.parametrize("shape", [(3, 9, 9), (3, 9, 9, 1), (3, 9, 9, 3), (3, 1, 9, 9), (3, 3, 9, 9)])
def test_an_array_in_any_usual_order_gives_its_images(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.save(tmp_path / "x.npy", array)
    pixels, faults = decode_some(open_path(tmp_path / "x.npy"), 0, 3, Look(9))
    expected = array if array.ndim == 4 else array[..., None]
    if expected.shape[3] not in (1, 3):
        expected = expected.transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(pixels, np.broadcast_to(expected, (3, 9, 9, 3)))
    assert not faults


def test_floats_from_0_to_1_are_bytes_and_others_are_refused_one_by_one(tmp_path: Path) -> None:
    array = np.stack([np.full((4, 4), 0.5), np.full((4, 4), 7.0), np.full((4, 4), np.nan)])
    np.save(tmp_path / "x.npy", array)
    pixels, faults = decode_some(open_path(tmp_path / "x.npy"), 0, 3, Look(4))
    assert (pixels[0] == 128).all()
    assert "from 7 to 7" in faults[1]
    assert 2 in faults


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros((5, 5)), "shape 5 x 5"),
        (np.zeros((2, 4, 5, 6), np.uint8), "shape 2 x 4 x 5 x 6"),
        (np.zeros((2, 4, 4), np.int64), "holds int64 values"),
    ],
)
def test_an_array_of_something_else_is_refused_in_a_sentence(tmp_path: Path, array: np.ndarray, sentence: str) -> None:
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(DataError, match=sentence):
        open_path(tmp_path / "x.npy")


def test_of_several_arrays_one_must_be_named(tmp_path: Path) -> None:
    parts = {f"{part}_images": np.zeros((2, 4, 4, 3), np.uint8) for part in ("train", "test")}
    np.savez(tmp_path / "x.npz", **parts, train_labels=np.zeros((2, 1)))
    assert list_arrays(tmp_path / "x.npz") == ["train_images", "test_images"]
    with pytest.raises(ChoiceError, match="2 arrays of images; name one of train_images, test_images") as caught:
        open_path(tmp_path / "x.npz")
    assert caught.value.choices == ["train_images", "test_images"]
    with pytest.raises(ChoiceError, match="no array of images 'val_images'"):
        open_path(tmp_path / "x.npz", "val_images")
    assert len(open_path(tmp_path / "x.npz", "test_images").names) == 2


def test_an_array_of_objects_is_never_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([[["a"]]], object))
    with pytest.raises(DataError, match=r"^The array x\.npy holds Python objects, which are not read: save plain"):
        open_path(tmp_path / "x.npy")
    np.savez(tmp_path / "x.npz", labels=np.arange(3))
    with pytest.raises(DataError, match=r"^x\.npz holds labels, and no array of images"):
        open_path(tmp_path / "x.npz")


# What is no set of images


def test_a_path_without_images_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no images"):
        open_path(tmp_path / "empty")
    with pytest.raises(DataError, match="cannot be read: No such file"):
        open_path(tmp_path / "missing")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("notes.txt", "none")
    with pytest.raises(DataError, match="holds no images"):
        open_path(tmp_path / "x.zip")


# Uploads


def test_uploads_of_one_name_are_kept_apart(tmp_path: Path) -> None:
    path = keep_files([("a.png", make_png(1)), ("a.png", make_png(2)), ("b.png", make_png(3))], tmp_path)
    assert list(open_path(path).names) == ["a (2).png", "a.png", "b.png"]


def test_a_zip_beside_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x\.zip is no image"):
        keep_files([("a.png", make_png(1)), ("x.zip", b"")], tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("x.zip", b"something else", "images.zip is no zip archive, or only part of one."),
        ("x.npz", b"something else", "images.npz is no .npz file, or only part of one."),
        ("x.npy", b"something else", "images.npy is no .npy file, or only part of one."),
        ("x.npy", b"\x93NUMPY\x01\0v\0{", "The array images.npy is damaged or only part of one."),
        ("x.zip", b"", "images.zip is empty."),
    ],
)
def test_an_upload_that_is_not_what_its_name_says_is_a_sentence(
    tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    with pytest.raises(DataError) as caught:
        open_path(keep_files([(name, content)], tmp_path))
    assert str(caught.value) == sentence


def test_names_of_an_array_need_none_of_its_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "x.npz", images=np.zeros((7, 4, 4), np.uint8))
    monkeypatch.setattr(np, "load", None)
    assert name_images(Brought(str(tmp_path / "x.npz"))) == [str(number) for number in range(7)]


def test_an_array_of_more_images_than_can_be_answered_is_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "x.npz", images=np.zeros((1_000_001, 1, 1), np.uint8))
    with pytest.raises(DataError, match="holds 1,000,001 images"):
        name_images(Brought(str(tmp_path / "x.npz")))
