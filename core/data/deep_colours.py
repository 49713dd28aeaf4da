"""Colour of 16 bits: the whole of each value. Pillow itself keeps the upper byte, and so of 12 bits only four."""

from __future__ import annotations

import re
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.ImageFile import ImageFile as OpenedImage
from PIL.TiffImagePlugin import BITSPERSAMPLE, PLANAR_CONFIGURATION

from core.data.shades import Shades

# How Pillow names the order of a value's two bytes in a file: big, little, or that of this machine.
_DEEP = re.compile(r"(RGB|RGBX|RGBA|R|G|B|A);16([BLN])")
_OTHER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
_GREY_WITH_ALPHA = "LA;16B"
_SEPARATE = 2  # each colour for itself

Tile = Any  # of Pillow: codec_name, extents, offset and args


def has_deep_alpha(encoding: object) -> bool:
    """Whether these are grey values with alpha, of 16 bits each."""
    return encoding == _GREY_WITH_ALPHA


def correct_tiles(image: OpenedImage) -> None:
    """Has Pillow read whole values of 16 bits where it would not. To be called before the pixels are loaded.

    In an uncompressed TIFF that keeps its colours apart it takes each byte for a value. Those of a PPM it scales to
    eight bits, one by one.
    """
    image.tile = [tile._replace(**_correct(image, tile)) for tile in image.tile]


def _correct(image: OpenedImage, tile: Tile) -> dict[str, Any]:
    if has_deep_alpha(tile.args):
        return {"args": "RGBA"}  # the four bytes of a pixel
    if (tile.codec_name, tile.args) == ("ppm", ("RGB", 2**16 - 1)):
        return {"codec_name": "raw", "args": ("RGB;16B", 0, 1)}
    if tile.codec_name == "raw" and _is_separate(image) and image.tag_v2[BITSPERSAMPLE][0] == 16:  # type: ignore[attr-defined]
        colour, *rest = tile.args
        order = "L" if image.tag_v2.prefix == b"II" else "B"  # type: ignore[attr-defined]
        return {"args": (f"{colour};16{order}", *rest)}
    return {}


def _is_separate(image: OpenedImage) -> bool:
    tags = getattr(image, "tag_v2", {})
    return bool(image.mode.startswith("RGB") and tags.get(PLANAR_CONFIGURATION) == _SEPARATE)


def list_lower_tiles(image: OpenedImage) -> list[Tile]:
    """Tiles by which Pillow reads the lower byte of each value; empty if it cannot, or values have eight bits."""
    if any(tile.codec_name == "libtiff" for tile in image.tile) and _is_separate(image):
        return []  # libtiff's own order of bytes holds, whatever is asked for
    lower = [_lower(tile) for tile in image.tile]
    return [tile for tile in lower if tile] if all(lower) else []


def _lower(tile: Tile) -> Tile | None:
    name, *rest = (tile.args,) if isinstance(tile.args, str) else tile.args or ("",)
    if not (match := _DEEP.fullmatch(str(name))):
        return None
    swapped = f"{match[1]};16{_OTHER[match[2]]}"
    return tile._replace(args=(swapped, *rest) if rest else swapped)


def join_bytes(upper: Image.Image, lower: Image.Image) -> Shades:
    """Colour values from the two bytes of each; of alpha, where there is some, the upper byte."""
    high = np.asarray(upper)  # (h, w, 3 or 4)
    return Shades(_join(high[..., :3], np.asarray(lower)[..., :3]), "uint16", alpha=_alpha_of(high))


def read_deep_alpha(image: Image.Image) -> Shades:
    """Grey values and alpha of an image whose four bytes a pixel were loaded as they are."""
    pixels = np.asarray(image)  # (h, w, 4): both bytes of the grey value, both of alpha
    return Shades(_join(pixels[..., 0], pixels[..., 1]), "uint16", alpha=pixels[..., 2])


def _alpha_of(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8] | None:
    return pixels[..., 3] if pixels.shape[2] == 4 else None


def _join(upper: npt.NDArray[np.uint8], lower: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint16]:
    values = upper.astype(np.uint16)
    values <<= 8
    values |= lower
    return values
