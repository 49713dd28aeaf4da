"""Image files of any kind and size become RGB bytes of one size."""

from __future__ import annotations

import os
import struct
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError, features

from core.data.store import DataError
from core.system.child import Child, ChildError
from core.system.errors import LabError

# Raise it when the same files would give other pixels: decoded copies are then made again.
DECODER_VERSION = 1

# A process takes a fifth of a second to start: it is worth that from this many images on. Two threads are slower than
# one on small images.
_HELPER_IMAGES = 2000
_MAX_HELPERS = 16

Pixels = npt.NDArray[np.uint8]

# Of whatever name. Pillow knows more of them, and hands some to other programs: PostScript to Ghostscript.
# AVIF where Pillow was built with its decoder.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", *(["AVIF"] if features.check("avif") else []), "PPM")
# Below Pillow's own limit: what these need in memory, 150 MB, may be needed twice, and by many helpers at once.
MAX_PIXELS = 50_000_000


class TooManyPixelsError(LabError, ValueError):
    """An image that would fill the memory; a few kilobytes can claim gigabytes."""


# What Pillow raises for a file that is damaged.
DAMAGE = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, struct.error, MemoryError)
_MOST = f"{MAX_PIXELS // 1_000_000} million"


def decode_image(path: str | Path, size: int) -> Pixels:
    """One image as (size, size, 3): upright, RGB, shorter side resized, centre cropped. Raises `DataError`."""
    try:
        return open_image(path, size)
    except UnidentifiedImageError as error:
        raise DataError(f"The image {path} cannot be decoded: it is none of {', '.join(FORMATS)}.") from error
    except DAMAGE as error:
        raise DataError(f"The image {path} cannot be decoded: {str(error).rstrip('.')}.") from error


def open_image(source: str | Path | IO[bytes], size: int) -> Pixels:
    """An image file as (size, size, 3). Raises UnidentifiedImageError, TooManyPixelsError and others of `DAMAGE`.

    Its size is read from the header, before any pixel is unpacked.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # below is a limit of our own
        try:
            with Image.open(source, formats=FORMATS) as image:
                return _fit(image, size)
        except Image.DecompressionBombError:
            raise TooManyPixelsError(f"it has far too many pixels; at most {_MOST} can be read") from None


def _fit(image: Image.Image, size: int) -> Pixels:
    # A large JPEG is decoded at an eighth to a half of its size, if that is still twice what is needed.
    image.draft("RGB", (2 * size, 2 * size))
    if image.width * image.height > MAX_PIXELS:
        raise TooManyPixelsError(f"it has {image.width:,} x {image.height:,} pixels; at most {_MOST} can be read")
    ImageOps.exif_transpose(image, in_place=True)
    rgb = _to_rgb(image)
    if rgb.size != (size, size):
        rgb = ImageOps.fit(rgb, (size, size), Image.Resampling.BILINEAR)
    return np.asarray(rgb)


def _to_rgb(image: Image.Image) -> Image.Image:
    image.load()  # reads the pixels even if nothing needs to be converted
    if image.mode.startswith("I;16"):
        # Pillow's own conversion cuts 16-bit grey values off at 255, which leaves a white picture.
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image if image.mode == "RGB" else image.convert("RGB")


def decode_files(paths: Sequence[str], size: int, array: Path) -> None:
    """Writes all images into one array file (n, size, size, 3), on all cores. Raises `DataError` naming an image."""
    np.lib.format.open_memmap(array, mode="w+", dtype=np.uint8, shape=(len(paths), size, size, 3)).flush()
    helpers = min(_usable_cores(), len(paths) // _HELPER_IMAGES, _MAX_HELPERS)
    if helpers < 2:
        _fill(array, 0, paths, size)
        return
    share = -(-len(paths) // helpers)
    children = [Child("decoding process") for _ in range(0, len(paths), share)]
    try:
        for start, child in zip(range(0, len(paths), share), children, strict=True):
            child.send(f"{__name__}:_fill", array=array, start=start, paths=paths[start : start + share], size=size)
        for child in children:
            child.receive()
    except ChildError as error:
        raise DataError(str(error)) from error
    finally:
        for child in children:
            child.stop()


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _fill(array: Path, start: int, paths: Sequence[str], size: int) -> None:
    pixels = np.load(array, mmap_mode="r+")
    for index, path in enumerate(paths, start):
        pixels[index] = decode_image(path, size)
    pixels.flush()
