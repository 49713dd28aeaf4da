"""Colours become grey as Pillow has it, and grey stays what it was."""

import numpy as np
import pytest
from PIL import Image

from core.data import channels
from core.data.channels import to_colour, to_grey, treat_as


def noise(count: int = 7) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 5, 9, 3), dtype=np.uint8)


@pytest.mark.parametrize("chunk", [1000, 3])
def test_grey_is_what_pillow_makes_of_each_image(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(channels, "_GREY_CHUNK", chunk)
    images = noise()
    expected = [np.asarray(Image.fromarray(image).convert("L")) for image in images]
    np.testing.assert_array_equal(to_grey(images)[..., 0], expected)
    turned = images.transpose(0, 2, 1, 3)  # whatever the order in memory
    np.testing.assert_array_equal(to_grey(turned), to_grey(images).transpose(0, 2, 1, 3))


def test_every_grey_value_stays_what_it_is() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    np.testing.assert_array_equal(to_grey(to_colour(values)), values)


def test_no_image_is_no_image() -> None:
    assert to_grey(np.zeros((0, 4, 4, 3), np.uint8)).shape == (0, 4, 4, 1)


def test_images_from_elsewhere_get_the_channels_of_the_training() -> None:
    images = noise()
    assert treat_as(images, 3, is_grey=False) is images
    np.testing.assert_array_equal(treat_as(images, 1, is_grey=False), to_grey(images))
    np.testing.assert_array_equal(treat_as(images, 3, is_grey=True), np.repeat(to_grey(images), 3, axis=3))
