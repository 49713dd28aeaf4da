"""Images are spoiled as plain numpy, Pillow and scipy would, the same for the same seed, and more at each strength."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter
from scipy import ndimage

from core.data.corruptions import CORRUPTIONS, STRENGTHS, corrupt, describe, list_variations

SEED = 3


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """Smooth pictures (6, 32, 32, 3), as photographs are and noise is not."""
    noise = np.random.default_rng(0).normal(size=(6, 32, 32, 3))
    smooth = ndimage.gaussian_filter(noise, (0, 3, 3, 0), mode="wrap")
    return (128 + 60 * smooth / smooth.std()).clip(0, 255).astype(np.uint8)


def spoil(pixels: np.ndarray, kind: str, strength: int) -> np.ndarray:
    return corrupt(pixels, kind, strength, SEED, range(len(pixels)))


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(float) - b.astype(float)).mean())


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_an_image_is_spoiled_alike_in_any_company_and_more_at_each_strength(pixels: np.ndarray, kind: str) -> None:
    distances = []
    for strength in STRENGTHS:
        whole = spoil(pixels, kind, strength)
        assert (whole.shape, whole.dtype) == (pixels.shape, np.uint8)
        np.testing.assert_array_equal(corrupt(pixels[4:5], kind, strength, SEED, [4])[0], whole[4])
        distances.append(distance(whole, pixels))
    assert distances == sorted(distances)
    assert distances[0] > 0.1


def test_noise_is_numpys_of_the_images_own_seed(pixels: np.ndarray) -> None:
    generator = np.random.default_rng((SEED, list(CORRUPTIONS).index("noise"), 2, 1))
    wanted = pixels[1] + 255 * 0.04 * generator.standard_normal(pixels[1].shape)
    assert np.abs(spoil(pixels, "noise", 2)[1] - wanted.round().clip(0, 255)).max() <= 1
    assert not np.array_equal(corrupt(pixels, "noise", 2, SEED + 1, range(6)), spoil(pixels, "noise", 2))


def test_blur_is_a_gaussian_and_close_to_pillows(pixels: np.ndarray) -> None:
    offsets = np.arange(-4, 5)
    weights = np.exp(-(offsets**2) / 2)
    weights /= weights.sum()
    padded = np.pad(pixels[0].astype(float), ((4, 4), (4, 4), (0, 0)), mode="symmetric")
    down = sum(weight * padded[4 + step : 36 + step] for step, weight in zip(offsets, weights, strict=True))
    both = sum(weight * down[:, 4 + step : 36 + step] for step, weight in zip(offsets, weights, strict=True))
    blurred = spoil(pixels, "blur", 4)
    assert np.abs(blurred[0] - both).max() < 0.51
    pillows = np.asarray(Image.fromarray(pixels[0]).filter(ImageFilter.GaussianBlur(1.0)))
    assert distance(blurred[0], pillows) < 1


def test_blur_and_shifts_grow_with_the_image(pixels: np.ndarray) -> None:
    large = pixels.repeat(2, 1).repeat(2, 2)
    wanted = ndimage.gaussian_filter(large.astype(float), (0, 2, 2, 0), mode="reflect")
    assert np.abs(spoil(large, "blur", 4) - wanted).max() < 0.6
    assert distance(spoil(large, "shift", 3)[:, ::2, ::2], spoil(pixels, "shift", 3)) < 1


def test_contrast_keeps_each_images_mean(pixels: np.ndarray) -> None:
    lower = spoil(pixels, "contrast", 3)
    for image, spoiled in zip(pixels, lower, strict=True):
        for channel in range(3):
            mean = image[..., channel].mean()
            wanted = (image[..., channel] - mean) * 0.4 + mean
            assert np.abs(spoiled[..., channel] - wanted).max() < 0.51


def test_jpeg_is_pillows_of_that_quality(pixels: np.ndarray) -> None:
    buffer = io.BytesIO()
    Image.fromarray(pixels[2]).save(buffer, "JPEG", quality=30)
    np.testing.assert_array_equal(spoil(pixels, "jpeg", 4)[2], np.asarray(Image.open(buffer)))


def test_a_shift_goes_into_one_of_eight_directions(pixels: np.ndarray) -> None:
    many = pixels[:1].repeat(80, 0)
    found = set()
    for image in spoil(many, "shift", 2):
        steps = [(down, across) for down in (-2, 0, 2) for across in (-2, 0, 2)]
        (step,) = [
            step
            for step in steps
            if np.array_equal(image, ndimage.shift(pixels[0], (*step, 0), order=0, mode="mirror"))
        ]
        found.add(step)
    assert len(found) == 8
    assert (0, 0) not in found


def test_a_turn_is_scipys_to_either_side(pixels: np.ndarray) -> None:
    many = pixels[:1].repeat(20, 0)
    turned = spoil(many, "turn", 4)
    wanted = [
        ndimage.rotate(pixels[0].astype(float), angle, reshape=False, order=1, mode="mirror") for angle in (15, -15)
    ]
    sides = [min((0, 1), key=lambda side, image=image: distance(image, wanted[side])) for image in turned]
    assert set(sides) == {0, 1}
    assert max(distance(image, wanted[side]) for image, side in zip(turned, sides, strict=True)) < 2


def test_what_there_is_not_is_refused_and_what_there_is_is_told(pixels: np.ndarray) -> None:
    for kind, strength in (("fog", 1), ("noise", 6), ("noise", 0)):
        with pytest.raises(KeyError, match="no corruption"):
            corrupt(pixels, kind, strength, 0, range(6))
    assert len(list(list_variations())) == 1 + len(CORRUPTIONS) * len(STRENGTHS)
    assert "JPEG quality 80, 65, 50, 30, 15" in describe()
