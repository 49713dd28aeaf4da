"""All figures of a run that another tool logged, to the last bit: a file that only grows, one block after the other.

A block is `HEADER` (magic, bytes of the name, points, CRC-32 of the rest), the name as UTF-8, then the steps (int64),
values and times (float64) of its points, little-endian. The last block may be half written: its run is still logging.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.system.errors import LabError
from core.system.files import DamagedFileError, open_regular

HEADER, MAGIC = struct.Struct("<4sIII"), b"SERI"
POINT_BYTES = 24
MAX_NAME_BYTES = 1000
MAX_NAMES = 10_000
MAX_BYTES = 1_000_000_000  # about 40 million points


class SeriesError(LabError, ValueError):
    """Figures that cannot be kept; the message names them."""


@dataclass(frozen=True)
class Series:
    """One figure of a run in the order it was logged, as the tool kept it: steps may repeat or fall."""

    steps: NDArray[np.int64]  # (points,)
    values: NDArray[np.float64]  # (points,), also NaN and infinities
    times: NDArray[np.float64]  # (points,), seconds since 1970; NaN where the format keeps none

    def __len__(self) -> int:
        return len(self.steps)


class SeriesFile(NamedTuple):
    """What a file of series holds: all its whole blocks, and what is wrong with the rest, if anything."""

    series: dict[str, Series]
    fault: str = ""


def to_block(name: str, series: Series) -> bytes:
    """A block to append, in one write. Raises SeriesError."""
    head = name.encode(errors="replace")
    if not 1 <= len(head) <= MAX_NAME_BYTES:
        raise SeriesError(f"{name[:80] or 'A figure'}: its name must have 1 to {MAX_NAME_BYTES:,} bytes.")
    if not len(series.steps) == len(series.values) == len(series.times):
        raise SeriesError(f"{name[:80]}: steps, values and times must be as many.")
    arrays = zip((series.steps, series.values, series.times), ("<i8", "<f8", "<f8"), strict=True)
    body = b"".join([head, *(np.ascontiguousarray(array, kind).tobytes() for array, kind in arrays)])
    return HEADER.pack(MAGIC, len(head), len(series.steps), zlib.crc32(body)) + body


def append_series(path: Path, series: Iterable[tuple[str, Series]]) -> None:
    """Appends to the file, which is made if need be; a reader sees each block whole or not at all. Raises OSError."""
    with open(path, "ab") as file:
        for name, points in series:
            file.write(to_block(name, points))


def read_series(path: Path) -> SeriesFile:
    """All series of a file, those of one name joined in the order they were appended; empty if there is no file.

    A block that is damaged ends it: what comes before is returned, with the fault.
    """
    try:
        with open_regular(path, MAX_BYTES) as file:
            content = file.read()
    except FileNotFoundError:
        return SeriesFile({})
    except (OSError, DamagedFileError) as error:
        return SeriesFile({}, str(error) if isinstance(error, DamagedFileError) else f"{path.name}: {error.strerror}")
    return _split(path.name, content)[0]


def recall_series(path: Path) -> SeriesFile:
    """As `read_series`, and read again only when the file has changed. Do not change what it returns."""
    try:
        found = os.stat(path)
    except OSError:
        return read_series(path)
    return _recall(path, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=4)  # each may be of a million points
def _recall(path: Path, changed_ns: int, size: int) -> SeriesFile:
    return read_series(path)


def measure_whole(path: Path) -> int:
    """How many bytes of a file are whole blocks."""
    with open_regular(path, MAX_BYTES) as file:
        return _split(path.name, file.read())[1]


def _split(file_name: str, content: bytes) -> tuple[SeriesFile, int]:
    """The series, and up to which byte they are whole."""
    parts: dict[bytes, tuple[list[bytes], list[bytes], list[bytes]]] = {}
    place, fault, view = 0, "", memoryview(content)
    while place + HEADER.size <= len(content):
        magic, name_bytes, points, crc = HEADER.unpack_from(content, place)
        start = place + HEADER.size
        first = start + name_bytes
        end = first + points * POINT_BYTES
        if magic == MAGIC and end > len(content) and name_bytes <= MAX_NAME_BYTES:
            break  # still being written
        name = content[start:first]
        if magic != MAGIC or name_bytes > MAX_NAME_BYTES or zlib.crc32(view[start:end]) != crc or not is_text(name):
            fault = f"{file_name} is damaged after {place:,} bytes; what comes before is shown"
            break
        if name not in parts and len(parts) == MAX_NAMES:
            fault = f"{file_name} holds more than {MAX_NAMES:,} figures; the others are left out"
            break
        kept = parts.setdefault(name, ([], [], []))
        for index, kind in enumerate(kept):
            kind.append(content[first + index * 8 * points : first + (index + 1) * 8 * points])
        place = end
    return SeriesFile({name.decode(): _join(kept) for name, kept in parts.items()}, fault), place


def is_text(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _join(kept: tuple[list[bytes], list[bytes], list[bytes]]) -> Series:
    steps, values, times = (b"".join(blocks) for blocks in kept)
    return Series(np.frombuffer(steps, "<i8"), np.frombuffer(values, "<f8"), np.frombuffer(times, "<f8"))
