"""Images that are nearly equal are found, and different ones are not."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from scipy.fft import dctn

from core.data import alike
from core.data.alike import LEAST_CORRELATION, find_least, find_near, hash_images, without
from core.data.decoding import Look, open_image


def make_scenes(count: int, side: int = 32, seed: int = 0) -> np.ndarray:
    """Pictures of a few smooth blots, as different as photographs are."""
    generator = np.random.default_rng(seed)
    small = generator.integers(0, 256, (count, 5, 5, 3), dtype=np.uint8)
    return np.stack(
        [np.asarray(Image.fromarray(each).resize((side, side), Image.Resampling.BICUBIC)) for each in small]
    )


def test_the_hash_is_that_of_the_cosine_transform_by_scipy() -> None:
    images = make_scenes(20)
    grey = images.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    for image, found in zip(grey, hash_images(images), strict=True):
        # scipy weighs all frequencies but the lowest alike: only those beside it are held against one another.
        strengths = dctn(image, type=2)[:8, :8].ravel()
        median = np.median(strengths[1:])
        bits = [(int(found) >> (63 - place)) & 1 for place in range(64)]
        assert bits == [int(strength > median) for strength in strengths]


def test_copies_are_found_whatever_was_done_to_them(tmp_path: Path) -> None:
    images = make_scenes(40)
    pictures = [Image.fromarray(image) for image in images]
    pictures[4].save(tmp_path / "copy.jpg", quality=60)
    copies = [
        open_image(tmp_path / "copy.jpg", Look(32)),
        np.asarray(ImageEnhance.Brightness(pictures[5]).enhance(0.8)),
        np.asarray(pictures[6].resize((20, 20)).resize((32, 32), Image.Resampling.BILINEAR)),
        np.asarray(pictures[7].convert("L").convert("RGB")),
    ]
    labels = np.arange(44) % 3
    assert find_near(np.stack([*images, *copies]), labels) == [[4, 40], [5, 41], [6, 42], [7, 43]]


def test_rows_are_held_against_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    images = make_scenes(30)
    images[29], images[11] = images[2], images[3]
    monkeypatch.setattr(alike, "_ROWS", 4)
    assert find_near(images, np.zeros(30, np.int64)) == [[2, 29], [3, 11]]
    assert find_near(images, np.zeros(30, np.int64), leave=[2]) == [[3, 11]]


def test_where_images_of_a_class_are_alike_anyway_more_is_asked_of_a_pair() -> None:
    written = make_scenes(3)[np.arange(60) % 3].astype(np.int16)
    written += np.random.default_rng(0).integers(-60, 60, written.shape)
    pixels, labels = written.clip(0, 255).astype(np.uint8), np.arange(60) % 3
    assert find_least(pixels, labels) > LEAST_CORRELATION
    assert find_near(pixels, labels) == []


def test_groups_that_are_known_already_are_left_out() -> None:
    assert without([[1, 2], [3, 4, 5], [6, 7]], [[1, 2, 9], [3, 4]]) == [[3, 4, 5], [6, 7]]


def test_real_images_of_a_known_set_have_the_copies_that_people_found(images_folder: Path) -> None:
    # Of ciFAIR's list (Barz & Denzler 2020): the white car that CIFAR-10 holds dozens of times.
    folder = images_folder / "train" / "automobile"
    pixels = np.stack([open_image(path, Look(32)) for path in sorted(folder.iterdir())])
    groups = find_near(pixels, np.zeros(len(pixels), np.int64))
    assert max(map(len, groups)) > 24
    assert sum(map(len, groups)) < 0.05 * len(pixels)
