"""Image files of any kind and size become RGB bytes of one size."""

from __future__ import annotations

import io
import os
import struct
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError, features

from core.data.deep_colours import Tile, correct_tiles, has_deep_alpha, join_bytes, list_lower_tiles, read_deep_alpha
from core.data.shades import Scale, Scales, Shades, Span, find_scale, join_spans, read_shades
from core.data.store import DataError
from core.system.child import Child, ChildError
from core.system.errors import LabError

# Raise it when the same files would give other pixels: decoded copies are then made again.
DECODER_VERSION = 3

# A process takes a fifth of a second to start: it is worth that from this many images on. Two threads are slower than
# one on small images.
_HELPER_IMAGES = 2000
_MAX_HELPERS = 16

TALLIED = 50  # images

Pixels = npt.NDArray[np.uint8]
Entry = tuple[int, str]  # the place of an image, and its file

# Of whatever name. Pillow knows more of them, and hands some to other programs: PostScript to Ghostscript.
_WITH_AVIF = ("AVIF",) if features.check("avif") else ()
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", *_WITH_AVIF, "PPM")
# Of whatever format, and before anything is unpacked. More than most cameras have, and below Pillow's own limit: what
# these need in memory, 360 MB, may be needed twice, and by many helpers at once.
MAX_PIXELS = 120_000_000

# What transparent parts of an image are laid over.
GROUNDS = {"white": 255, "grey": 128, "black": 0}
# Grey of two and four bits is spread over eight by Pillow, the value that a PNG calls transparent is not.
_SPREAD = {"L;2": 85, "L;4": 17}


class TooManyPixelsError(LabError, ValueError):
    """An image that would fill the memory; a few kilobytes can claim gigabytes."""


# What Pillow raises for a file that is damaged.
DAMAGE = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, struct.error, MemoryError)
_MOST = f"{MAX_PIXELS // 1_000_000} million"


@dataclass(frozen=True)
class Look:
    """How image files become pixels: their side, what transparent parts lie over, and the scales of deep grey values.

    An image whose scale is neither here nor told by its file has a scale of its own.
    """

    size: int
    ground: str = "white"
    scales: Scales = field(default_factory=dict)


@dataclass
class Findings:
    """What was found while image files were decoded, by the place of each.

    `faults`: why an image cannot be decoded. `waiting`: those of deep grey values that wait for the range of all, which
    is in `spans` by the type of the values.
    """

    faults: dict[int, str] = field(default_factory=dict)
    waiting: list[int] = field(default_factory=list)
    spans: dict[str, Span] = field(default_factory=dict)

    def add(self, place: int, kind: str, span: Span) -> None:
        self.waiting.append(place)
        self._widen(kind, span)

    def join(self, other: Findings) -> None:
        self.faults.update(other.faults)
        self.waiting += other.waiting
        for kind, span in other.spans.items():
            self._widen(kind, span)

    def _widen(self, kind: str, span: Span) -> None:
        known = [self.spans[kind]] if kind in self.spans else []
        self.spans[kind] = join_spans([*known, span]) or span

    def scales(self) -> dict[str, Scale]:
        return {kind: find_scale(span) for kind, span in sorted(self.spans.items())}


def decode_image(path: str | Path, look: Look) -> Pixels:
    """One image as (size, size, 3): upright, RGB, shorter side resized, centre cropped. Raises `DataError`."""
    try:
        return open_image(path, look)
    except DAMAGE as error:
        raise DataError(f"The image {path} cannot be decoded: {explain_damage(error)}.") from error


def explain_damage(error: BaseException) -> str:
    """Why an image cannot be decoded, without its name."""
    if isinstance(error, UnidentifiedImageError):
        return f"it is none of {', '.join(FORMATS)}"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text.rstrip(".") or type(error).__name__


def open_image(source: str | Path | IO[bytes], look: Look) -> Pixels:
    """An image file as (size, size, 3). Raises UnidentifiedImageError, TooManyPixelsError and others of `DAMAGE`."""
    with _open(source, look.size) as (image, shades):
        return _fit(image, shades, look)


@contextmanager
def _open(source: str | Path | IO[bytes], size: int) -> Iterator[tuple[Image.Image, Shades | None]]:
    """An image that is loaded and upright, and its values if these have more than eight bits.

    Its size is read from the header, before any pixel is unpacked.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # below is a limit of our own
        try:
            with Image.open(source, formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    shown = f"{image.width:,} x {image.height:,}"
                    raise TooManyPixelsError(f"it has {shown} pixels; at most {_MOST} can be read")
                # A large JPEG is decoded at an eighth to a half of its size, if that is still twice what is needed.
                image.draft("RGB", (2 * size, 2 * size))
                encoding = image.tile[0].args if image.tile else None  # forgotten once the pixels are loaded
                correct_tiles(image)
                lower = list_lower_tiles(image)
                ImageOps.exif_transpose(image, in_place=True)
                image.load()  # reads the pixels even if nothing needs to be converted
                _correct_key(image, encoding)
                if lower:
                    yield image, join_bytes(image, _load_lower(source, lower))
                else:
                    yield image, read_deep_alpha(image) if has_deep_alpha(encoding) else read_shades(image, encoding)
        except Image.DecompressionBombError:
            raise TooManyPixelsError(f"it has far too many pixels; at most {_MOST} can be read") from None


def _load_lower(source: str | Path | IO[bytes], tiles: list[Tile]) -> Image.Image:
    """The same image once more, by the lower byte of each value."""
    with Image.open(source, formats=FORMATS) as image:
        image.tile = tiles
        ImageOps.exif_transpose(image, in_place=True)
        image.load()
        return image


def _correct_key(image: Image.Image, encoding: object) -> None:
    """Brings the value that a PNG calls transparent to the depth to which Pillow has brought the pixels."""
    key = image.info.get("transparency")
    if isinstance(key, int) and encoding in _SPREAD:
        image.info["transparency"] = key * _SPREAD[str(encoding)]


def draw_whole(path: str | Path, look: Look) -> bytes:
    """PNG of a whole image, at most `look.size` on its longer side. Raises `DataError`."""
    try:
        with _open(path, look.size) as (image, shades):
            rgb = _convert(image, shades, look)
            rgb.thumbnail((look.size, look.size))
    except DAMAGE as error:
        raise DataError(f"The image {path} cannot be decoded: {explain_damage(error)}.") from error
    buffer = io.BytesIO()
    rgb.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _convert(image: Image.Image, shades: Shades | None, look: Look) -> Image.Image:
    """In eight bits and three channels."""
    if shades:
        image = _make_image(shades, look.scales, image.info.get("transparency"))
    rgb = _lay_over(image, GROUNDS[look.ground]) if image.has_transparency_data else image
    return rgb if rgb.mode == "RGB" else rgb.convert("RGB")


def _fit(image: Image.Image, shades: Shades | None, look: Look) -> Pixels:
    rgb = _convert(image, shades, look)
    size = (look.size, look.size)
    return np.asarray(rgb if rgb.size == size else ImageOps.fit(rgb, size, Image.Resampling.BILINEAR))


def _make_image(shades: Shades, scales: Scales, key: object) -> Image.Image:
    """Deep values as an image of eight bits; those equal to `key` are transparent."""
    scale = shades.scale or scales.get(shades.type) or find_scale(shades.span())
    image = Image.fromarray(shades.to_bytes(scale))
    alpha = shades.alpha
    if alpha is None and isinstance(key, int | tuple):
        differs = shades.values != np.array(key, shades.values.dtype)
        alpha = (differs if differs.ndim == 2 else differs.any(2)).astype(np.uint8) * 255
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha))
    return image


def _lay_over(image: Image.Image, ground: int) -> Image.Image:
    if image.mode == "La":  # which Pillow converts to LA only
        image = image.convert("LA")
    colours = image.convert("RGBA")
    below = Image.new("RGB", image.size, (ground, ground, ground))
    below.paste(colours, mask=colours.getchannel("A"))
    return below


# Many files --------------------------------------------------------------------------------------------------------


def decode_files(paths: Sequence[str], look: Look, array: Path) -> tuple[dict[int, str], Scales]:
    """Writes all images into one array file (n, size, size, 3), on all cores.

    Returns the faults of those that cannot be decoded, which are left black, and the scales of deep grey values.
    """
    shape = (len(paths), look.size, look.size, 3)
    np.lib.format.open_memmap(array, mode="w+", dtype=np.uint8, shape=shape).flush()
    return _decode_all(paths, look, lambda entries, look, measures: _share_out(array, entries, look, measures))


def decode_here(paths: Sequence[str], look: Look) -> tuple[Pixels, dict[int, str], Scales]:
    """The same for a few images, in memory and in this process."""
    pixels: Pixels = np.zeros((len(paths), look.size, look.size, 3), np.uint8)
    return pixels, *_decode_all(paths, look, lambda entries, look, measures: _fill(pixels, entries, look, measures))


def _decode_all(
    paths: Sequence[str], look: Look, fill: Callable[[Sequence[Entry], Look, bool], Findings]
) -> tuple[dict[int, str], Scales]:
    """A pass over all files, and a second one over those whose grey values wait for the range of all."""
    found = fill(list(enumerate(paths)), look, True)
    scales = {**found.scales(), **look.scales}
    if found.waiting:
        waiting = [(place, paths[place]) for place in sorted(found.waiting)]
        found.faults |= fill(waiting, Look(look.size, look.ground, scales), False).faults
    return dict(sorted(found.faults.items())), scales


def _share_out(array: Path, entries: Sequence[Entry], look: Look, measures: bool) -> Findings:
    helpers = min(_usable_cores(), len(entries) // _HELPER_IMAGES, _MAX_HELPERS)
    if helpers < 2:
        return _fill_file(array, entries, look, measures)
    share, found = -(-len(entries) // helpers), Findings()
    children = [Child("decoding process") for _ in range(0, len(entries), share)]
    try:
        for start, child in zip(range(0, len(entries), share), children, strict=True):
            part = entries[start : start + share]
            child.send(f"{__name__}:_fill_file", array=array, entries=part, look=look, measures=measures)
        for child in children:
            found.join(child.receive())
    except ChildError as error:
        raise DataError(str(error)) from error
    finally:
        for child in children:
            child.stop()
    return found


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def tally_of(array: Path) -> Path:
    """Where helpers count what they have decoded into an array file: a byte for so many images each."""
    return array.with_suffix(".tally")


def _fill_file(array: Path, entries: Sequence[Entry], look: Look, measures: bool) -> Findings:
    pixels = np.load(array, mmap_mode="r+")
    with open(tally_of(array), "ab", buffering=0) as tally:
        found = _fill(pixels, entries, look, measures, lambda: tally.write(b"."))
    pixels.flush()
    return found


def _fill(
    pixels: Pixels, entries: Sequence[Entry], look: Look, measures: bool, tick: Callable[[], object] = lambda: None
) -> Findings:
    """Decodes images to their places; with `measures` those of deep grey values are only measured, as far as needed.

    Calls `tick` after every `TALLIED` images.
    """
    found = Findings()
    for number, (place, path) in enumerate(entries, 1):
        if number % TALLIED == 0:
            tick()
        try:
            with _open(path, look.size) as (image, shades):
                if measures and shades and not shades.scale and shades.type not in look.scales:
                    found.add(place, shades.type, shades.span())
                else:
                    pixels[place] = _fit(image, shades, look)
        except MemoryError:  # says nothing about the image
            raise
        except DAMAGE as error:
            found.faults[place] = explain_damage(error)
    return found
