"""Edits do what their names say, as torchvision does it."""

import numpy as np
import pytest
from torch.nn import functional as F
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as transforms

from core.data.edits import AS_IT_IS, Edits, apply_edits
from core.engine.data import Data, load_data
from core.spec import DataSpec


@pytest.fixture(scope="module")
def data() -> Data:
    return load_data(DataSpec())


def test_edits_do_what_they_say(data) -> None:
    image, mean = data.val.images[0].permute(1, 2, 0).numpy(), data.mean
    np.testing.assert_array_equal(apply_edits(image, AS_IT_IS, mean), image)
    np.testing.assert_array_equal(apply_edits(image, Edits(rotation=90), mean), np.rot90(image))
    np.testing.assert_array_equal(apply_edits(image, Edits(invert=True), mean), 255 - image)
    assert apply_edits(image, Edits(brightness=0.5), mean).mean() == pytest.approx(image.mean() / 2, abs=1)
    assert apply_edits(image, Edits(blur=4.0), mean).std() < image.std()
    noisy = apply_edits(image, Edits(noise=0.3), mean)
    assert not np.array_equal(noisy, image)
    np.testing.assert_array_equal(noisy, apply_edits(image, Edits(noise=0.3), mean))
    assert {value.dtype for value in (noisy, apply_edits(image, Edits(rotation=10, blur=1), mean))} == {
        np.dtype("uint8")
    }


@pytest.mark.parametrize("angle", [-155, -30, 10, 45, 120])
def test_edits_are_those_of_torchvision(data, angle: int) -> None:
    """In the middle of the image: at its border each fills in and mirrors in its own way."""
    images = F.interpolate(data.val.images[3:4], (40, 40), mode="bilinear")
    pixels = images[0].permute(1, 2, 0).numpy()

    def middle(values: np.ndarray) -> np.ndarray:
        return values[12:28, 12:28].astype(float)

    turned = transforms.rotate(images, angle, InterpolationMode.BILINEAR)[0].permute(1, 2, 0).numpy()
    assert np.abs(middle(apply_edits(pixels, Edits(rotation=angle), data.mean)) - middle(turned)).mean() < 2
    blurred = transforms.gaussian_blur(images, [9, 9], [1.2, 1.2])[0].permute(1, 2, 0).numpy()
    assert np.abs(middle(apply_edits(pixels, Edits(blur=1.2), data.mean)) - middle(blurred)).mean() < 4
    factor = 1 + angle / 200
    bright = transforms.adjust_brightness(images, factor)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(apply_edits(pixels, Edits(brightness=factor), data.mean), bright, atol=1)


def test_an_image_of_one_channel_is_edited_as_a_grey_one_of_three(data) -> None:
    image = data.val.images[0].permute(1, 2, 0).numpy()  # the digits' channels are equal
    for edits in (Edits(rotation=30), Edits(invert=True, brightness=1.3), Edits(blur=1.5)):
        found = apply_edits(image[..., 0], edits, data.mean[:1])
        np.testing.assert_array_equal(found, apply_edits(image, edits, data.mean)[..., 0])
    assert apply_edits(image[..., 0], Edits(noise=0.2), data.mean[:1]).shape == image.shape[:2]
