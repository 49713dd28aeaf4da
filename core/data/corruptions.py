"""What spoils images on the way to a network: noise, blur, contrast, JPEG, shifts and turns, each at five strengths.

After Hendrycks & Dietterich 2019 (arXiv:1903.12261), made here: not their files, so figures compare between runs of
this lab and not with published ones. Strengths that are lengths grow with the image. The same seed spoils the same
image in the same way, in whatever company it comes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from core.data.decoding import Pixels

VERSION = 1  # rises when the same seed would spoil images otherwise
STRENGTHS = (1, 2, 3, 4, 5)
_SIDE = 32  # of the images for which lengths in pixels are given


@dataclass(frozen=True)
class Corruption:
    """One way to spoil images: what its five `values` are, and how it is done, (n, s, s, 3) bytes -> same.

    `spoil` is given a generator of random numbers for each image.
    """

    title: str
    parameter: str
    values: tuple[float, float, float, float, float]
    spoil: Callable[[Pixels, float, Sequence[np.random.Generator]], Pixels]


def corrupt(pixels: Pixels, kind: str, strength: int, seed: int, indices: Sequence[int]) -> Pixels:
    """(n, s, s, 3) bytes -> same; `indices` (n,) tell which images they are. KeyError for what there is not."""
    number = list(CORRUPTIONS).index(kind) if kind in CORRUPTIONS else -1
    if number < 0 or strength not in STRENGTHS:
        raise KeyError(f"There is no corruption {kind!r} of strength {strength}.")
    chosen = CORRUPTIONS[kind]
    generators = [np.random.default_rng((seed, number, strength, index)) for index in indices]
    return chosen.spoil(pixels, chosen.values[strength - 1], generators)


def _to_bytes(values: np.ndarray) -> Pixels:
    return values.round().clip(0, 255).astype(np.uint8)


def _add_noise(pixels: Pixels, deviation: float, generators: Sequence[np.random.Generator]) -> Pixels:
    noise = np.stack([each.normal(scale=255 * deviation, size=pixels.shape[1:]) for each in generators])
    return _to_bytes(pixels + noise)


def _blur(pixels: Pixels, deviation: float, _: Sequence[np.random.Generator]) -> Pixels:
    from scipy.ndimage import gaussian_filter

    sigma = deviation * pixels.shape[1] / _SIDE
    return _to_bytes(gaussian_filter(pixels.astype(np.float32), (0, sigma, sigma, 0), mode="reflect"))


def _lower_contrast(pixels: Pixels, factor: float, _: Sequence[np.random.Generator]) -> Pixels:
    means = pixels.mean((1, 2), keepdims=True)  # (n, 1, 1, 3): each image's own
    return _to_bytes((pixels - means) * factor + means)


def _compress(pixels: Pixels, quality: float, _: Sequence[np.random.Generator]) -> Pixels:
    return np.stack([_save_and_read(image, int(quality)) for image in pixels])


def _save_and_read(image: Pixels, quality: int) -> Pixels:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as read:
        return np.asarray(read.convert("RGB"))


def _shift(pixels: Pixels, length: float, generators: Sequence[np.random.Generator]) -> Pixels:
    """Each into one of eight directions; what comes in is mirrored at the edge."""
    side = pixels.shape[1]
    reach = min(max(round(length * side / _SIDE), 1), side - 1)
    padded = np.pad(pixels, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="reflect")
    directions = [(down, across) for down in (-1, 0, 1) for across in (-1, 0, 1) if down or across]
    moved = []
    for image, generator in zip(padded, generators, strict=True):
        down, across = (reach + reach * step for step in directions[generator.integers(len(directions))])
        moved.append(image[down : down + side, across : across + side])
    return np.stack(moved)


def _turn(pixels: Pixels, degrees: float, generators: Sequence[np.random.Generator]) -> Pixels:
    """Each to one of the two sides, about its middle; the corners are filled with what is mirrored at the edge."""
    side = pixels.shape[1]
    reach = side // 2
    padded = np.pad(pixels, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="reflect")
    turned = []
    for image, generator in zip(padded, generators, strict=True):
        angle = degrees if generator.integers(2) else -degrees
        whole = np.asarray(Image.fromarray(image).rotate(angle, Image.Resampling.BILINEAR))
        turned.append(whole[reach : reach + side, reach : reach + side])
    return np.stack(turned)


CORRUPTIONS: dict[str, Corruption] = {
    "noise": Corruption(
        "Noise", "standard deviation of Gaussian noise, of the whole range", (0.02, 0.04, 0.06, 0.08, 0.10), _add_noise
    ),
    "blur": Corruption(
        "Blur", "standard deviation of the Gaussian, in pixels of an image of 32", (0.4, 0.6, 0.8, 1.0, 1.3), _blur
    ),
    "contrast": Corruption(
        "Contrast", "what is left of the distance from the image's mean", (0.75, 0.5, 0.4, 0.3, 0.15), _lower_contrast
    ),
    "jpeg": Corruption("JPEG quality", "quality as Pillow counts it", (80, 65, 50, 30, 15), _compress),
    "shift": Corruption("Shift", "pixels of an image of 32, in one of eight directions", (1, 2, 3, 4, 6), _shift),
    "turn": Corruption("Turn", "degrees, to either side", (3, 6, 10, 15, 25), _turn),
}


def list_variations() -> Iterator[tuple[str, int]]:
    """Every kind at every strength, by the order in which they are measured: first the images as they are, ("", 0)."""
    yield "", 0
    for kind in CORRUPTIONS:
        for strength in STRENGTHS:
            yield kind, strength


def describe() -> str:
    """The strengths of every corruption, in a sentence."""
    told = (
        f"{each.title.lower() if each.title[1:2].islower() else each.title} "
        f"{', '.join(f'{value:g}' for value in each.values)} ({each.parameter})"
        for each in CORRUPTIONS.values()
    )
    return f"Strengths 1 to 5: {'; '.join(told)}."
