"""Messages, frames and records as tools write them, for files that no tool would write."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from core.imports.checksums import crc32c, masked


def varint(value: int) -> bytes:
    content = bytearray()
    while value > 127:
        content.append(value & 127 | 128)
        value >>= 7
    return bytes([*content, value])


def message(*fields: tuple[int, int | bytes]) -> bytes:
    """A message of Protocol Buffers, of numbers and of bytes."""
    parts = []
    for number, value in fields:
        if isinstance(value, int):
            parts.append(varint(8 * number) + varint(value))
        else:
            parts.append(varint(8 * number + 2) + varint(len(value)) + value)
    return b"".join(parts)


def frame(data: bytes, kind: int = 1) -> bytes:
    """A piece of W&B's and SwanLab's logs: 1 is a whole record, 2, 3 and 4 its first, middle and last part."""
    return struct.pack("<IHB", zlib.crc32(bytes([kind]) + data), len(data), kind) + data


def event_file(records: Iterable[bytes]) -> bytes:
    """TensorBoard's records, with their checksums."""
    return b"".join(
        head + struct.pack("<I", _checksum(head)) + data + struct.pack("<I", _checksum(data))
        for data in records
        for head in [struct.pack("<Q", len(data))]
    )


@lru_cache(1000)  # most files say the same thing often
def _checksum(data: bytes) -> int:
    content, length = np.frombuffer(data, np.uint8), np.array([len(data)], np.int64)
    return int(masked(crc32c(content, np.zeros(1, np.int64), length))[0])
