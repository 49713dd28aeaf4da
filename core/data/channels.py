"""How many channels images have: colours become grey, by Pillow, so that all that is read becomes it in one way."""

from __future__ import annotations

import numpy as np
from PIL import Image

from core.data.decoding import Pixels

_GREY_CHUNK = 1000  # images at once


def to_grey(pixels: Pixels) -> Pixels:
    """(n, h, w, 3) bytes -> (n, h, w, 1), the brightness of ITU-R BT.601; equal channels keep their value."""
    count, height, width, _ = pixels.shape
    grey = np.empty((count, height, width, 1), np.uint8)
    for start in range(0, count, _GREY_CHUNK):
        some = np.ascontiguousarray(pixels[start : start + _GREY_CHUNK])
        column = Image.fromarray(some.reshape(-1, width, 3)).convert("L")  # one below the other
        grey[start : start + _GREY_CHUNK] = np.asarray(column).reshape(-1, height, width, 1)
    return grey


def to_colour(pixels: Pixels) -> Pixels:
    """(..., 1 or 3) bytes -> (..., 3), to be shown."""
    return np.repeat(pixels, 3, axis=-1) if pixels.shape[-1] == 1 else pixels


def treat_as(pixels: Pixels, num_channels: int, *, is_grey: bool) -> Pixels:
    """Images from elsewhere, (n, h, w, 3) bytes, as those of a training: of so many channels, or of a grey set."""
    if num_channels == 1:
        return to_grey(pixels)
    return to_colour(to_grey(pixels)) if is_grey else pixels
