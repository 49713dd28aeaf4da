"""What can be done to an image before a network is asked about it, by Pillow: quick, and without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from core.data.decoding import Pixels

_NOISE_SEED = 0  # the same noise at every look, so that only the slider changes the answer


def apply_edits(pixels: Pixels, edits: Edits, mean: Sequence[float]) -> Pixels:
    """(s, s, 3) or (s, s) bytes -> same; a rotation fills the corners with `mean`, the training images' (0 to 1)."""
    image = Image.fromarray(pixels)
    if edits.invert:
        image = ImageOps.invert(image)
    if edits.rotation % 360:
        fill = tuple(round(255 * value) for value in mean)
        image = image.rotate(edits.rotation, Image.Resampling.BILINEAR, fillcolor=fill if pixels.ndim == 3 else fill[0])
    if edits.brightness != 1:
        image = ImageEnhance.Brightness(image).enhance(edits.brightness)
    if edits.blur > 0:
        image = image.filter(ImageFilter.GaussianBlur(edits.blur))
    if edits.noise > 0:
        noise = np.random.default_rng(_NOISE_SEED).normal(scale=255 * edits.noise, size=pixels.shape)
        return (np.asarray(image) + noise).round().clip(0, 255).astype(np.uint8)
    return np.array(image)


@dataclass(frozen=True)
class Edits:
    """What is done to an image after it was resized, in this order; the defaults leave it as it is."""

    invert: bool = False
    rotation: float = 0.0  # degrees, counter-clockwise
    brightness: float = 1.0  # factor
    blur: float = 0.0  # standard deviation of the Gaussian, in pixels
    noise: float = 0.0  # standard deviation, as a share of the whole range


AS_IT_IS = Edits()
