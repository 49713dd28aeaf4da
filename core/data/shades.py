"""Values of more than eight bits, grey ones for the most part: how deep they are, and their way to eight.

Pillow's own conversion cuts such values off at 255 and fractions down to 0. Here black and white follow from the file
where it tells its depth: 12 bits in a TIFF, the largest value of a PGM. Elsewhere they follow from the range of all
values of the set, since 16 bits may hold 10 or 12, and whole numbers of 32 bits and fractions may mean anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

# Bits that cameras, scanners and numbers have: the least of them that holds a set's largest value is its depth.
DEPTHS = (8, 10, 12, 14, 16, 24, 31, 32)
_CHUNK_VALUES = 4_000_000  # converted at a time: a large image needs its own memory once, not four times
# Numbers of TIFF's tags.
_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339
_WHITE_IS_ZERO, _UNSIGNED = 0, 1


class Scale(NamedTuple):
    """The values that become black (0) and white (255)."""

    black: float
    white: float


# By the type of the values, as `uint16`.
Scales = Mapping[str, Scale]


class Span(NamedTuple):
    """The least and the largest of some values, and whether all are whole numbers."""

    least: float
    largest: float
    is_whole: bool


@dataclass(frozen=True)
class Shades:
    """The grey values of an image, (height, width), or its colours, (height, width, 3).

    Their `scale` if the file tells it, and `alpha`, (height, width), if it is there apart from them.
    """

    values: npt.NDArray[np.generic]
    type: str
    scale: Scale | None = None
    is_negative: bool = False  # the least value is white
    alpha: npt.NDArray[np.uint8] | None = None

    def span(self) -> Span:
        """The range of the finite values."""
        spans = [_span_of(chunk) for chunk in _chunks(self.values)]
        return join_spans(span for span in spans if span) or Span(0, 0, is_whole=True)

    def to_bytes(self, scale: Scale) -> npt.NDArray[np.uint8]:
        """Values from black to white as 0 to 255, of the same shape; no number at all is black."""
        grey = np.empty(self.values.shape, np.uint8)
        for chunk, target in zip(_chunks(self.values), _chunks(grey), strict=True):
            target[...] = _scale_down(chunk, scale)
        return np.invert(grey) if self.is_negative else grey


def read_shades(image: Image.Image, encoding: object) -> Shades | None:
    """The grey values of a loaded image whose pixels have more than eight bits, None for any other.

    `encoding`: what Pillow noted of the file's values before it loaded them.
    """
    if not image.mode.startswith(("I", "F")):
        return None
    values: npt.NDArray[np.generic] = np.asarray(image)
    tags = getattr(image, "tag_v2", None)
    if tags is None:
        # Of a PGM with another largest value than 65,535, which Pillow has scaled up to that.
        if image.mode == "I" and isinstance(encoding, tuple):
            return Shades(values, "uint16", Scale(0, 2**16 - 1))
        return Shades(values, "float" if image.mode == "F" else "uint16")
    bits, kind = tags.get(_BITS, (16,))[0], tags.get(_SAMPLE_FORMAT, (_UNSIGNED,))[0]
    is_negative = tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    if image.mode == "F":
        return Shades(values, "float", None, is_negative)
    if bits == 32 and kind == _UNSIGNED:
        values = values.view(np.uint32)  # Pillow knows signed ones only
    known = Scale(0, 2**bits - 1) if bits not in (16, 32) else None
    return Shades(values, f"{'uint' if kind == _UNSIGNED else 'int'}{bits}", known, is_negative)


def join_spans(spans: Iterable[Span]) -> Span | None:
    """The range of several ranges' values; None for none."""
    found = list(spans)
    if not found:
        return None
    least, largest, whole = zip(*found, strict=True)
    return Span(min(least), max(largest), all(whole))


def find_scale(span: Span) -> Scale:
    """Black and white for values of this range.

    Below zero: the range itself. Up to 1: 0 to 1. Other fractions: 0 to the largest. Whole numbers: 0 to what the least
    usual depth holds, so that the same pixels give the same image whatever number of bits they are kept in.
    """
    if span.least < 0:
        return Scale(span.least, max(span.largest, span.least + 1))
    if span.largest <= 1 or not span.is_whole:
        return Scale(0, max(span.largest, 1))
    depth = next((bits for bits in DEPTHS if span.largest < 2**bits), None)
    return Scale(0, 2**depth - 1 if depth else span.largest)


def _chunks(values: npt.NDArray[np.generic]) -> Iterator[npt.NDArray[np.generic]]:
    """Parts of an array, each of some rows."""
    rows = max(1, _CHUNK_VALUES // max(1, values[:1].size))
    for start in range(0, len(values), rows):
        yield values[start : start + rows]


def _span_of(values: npt.NDArray[np.generic]) -> Span | None:
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    if not values.size:
        return None
    is_whole = values.dtype.kind != "f" or bool(np.array_equal(np.trunc(values), values))
    return Span(float(values.min()), float(values.max()), is_whole)


def _scale_down(values: npt.NDArray[np.generic], scale: Scale) -> npt.NDArray[np.uint8]:
    black, white = scale
    shades = np.nan_to_num(values.astype(np.float64), nan=black, posinf=white, neginf=black).clip(black, white)
    if black == 0 and white > 255:
        # The upper eight bits, as other programs take them: each byte then stands for as many values.
        return np.floor(shades * (256 / (white + 1))).astype(np.uint8)
    return np.round((shades - black) * (255 / (white - black))).astype(np.uint8)
