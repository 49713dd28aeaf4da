"""Image files of any kind and size become RGB bytes of one size."""

from __future__ import annotations

import os
import pickle
import struct
import subprocess
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from core.data.store import DataError
from core.system.errors import LabError
from core.system.folders import PROJECT

# Raise it when the same files would give other pixels: decoded copies are then made again.
DECODER_VERSION = 1

# A helper process takes a fifth of a second to start: it is worth that from this many images on.
_HELPER_IMAGES = 2000
_MAX_HELPERS = 16

Pixels = npt.NDArray[np.uint8]

# Of whatever name. Pillow knows more of them, and hands some to other programs: PostScript to Ghostscript.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
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
                return fit_image(image, size)
        except Image.DecompressionBombError:
            raise TooManyPixelsError(f"it has far too many pixels; at most {_MOST} can be read") from None


def fit_image(image: Image.Image, size: int) -> Pixels:
    """An image just opened as (size, size, 3): upright, RGB, shorter side resized, centre cropped."""
    # A large JPEG is decoded at an eighth to a half of its size, where that is still twice what is needed.
    image.draft("RGB", (2 * size, 2 * size))
    if image.width * image.height > MAX_PIXELS:
        raise TooManyPixelsError(f"it has {image.width:,} x {image.height:,} pixels; at most {_MOST} can be read")
    ImageOps.exif_transpose(image, in_place=True)
    rgb = _to_rgb(image)
    if rgb.size != (size, size):
        rgb = ImageOps.fit(rgb, (size, size), Image.Resampling.BILINEAR)
    return np.asarray(rgb)


def _to_rgb(image: Image.Image) -> Image.Image:
    image.load()  # reads the pixels, also where nothing needs to be converted
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
    _decode_in_processes(
        [_Job(array, start, list(paths[start : start + share]), size) for start in range(0, len(paths), share)]
    )


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class _Job:
    """Images to decode into `len(paths)` places of an array file, from `start` on."""

    array: Path
    start: int
    paths: list[str]
    size: int


def _fill(array: Path, start: int, paths: Sequence[str], size: int) -> None:
    pixels = np.load(array, mmap_mode="r+")
    for place, path in enumerate(paths, start):
        pixels[place] = decode_image(path, size)
    pixels.flush()


def _decode_in_processes(jobs: Sequence[_Job]) -> None:
    """One Python process a job: two threads are slower than one on small images.

    Not multiprocessing: its children run the main script again, or inherit the threads of torch.
    """
    helpers = [_start_helper(job) for job in jobs]
    try:
        for helper in helpers:
            assert helper.stdout is not None
            answer = helper.stdout.read()  # until the helper ends
            if helper.wait():
                raise DataError(os.fsdecode(answer) or f"Decoding the images ended early: status {helper.returncode}.")
    finally:
        for helper in helpers:
            helper.kill()
            helper.wait()


def _start_helper(job: _Job) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "core.data.decoding"]
    helper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT)
    assert helper.stdin is not None
    with helper.stdin:
        pickle.dump(job, helper.stdin)
    return helper


def _run_job() -> int:
    """The helper process: a job on its input, a sentence on its output where an image cannot be decoded."""
    job: _Job = pickle.load(sys.stdin.buffer)  # nosec B301 - a pipe that only the parent process writes to
    try:
        _fill(job.array, job.start, job.paths, job.size)
    except DataError as error:
        sys.stdout.buffer.write(os.fsencode(str(error)))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_run_job())
