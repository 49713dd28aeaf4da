"""Messages of Protocol Buffers and the logs that hold them, read without the classes of the tools that wrote them.

The log is LevelDB's (https://github.com/google/leveldb/blob/main/doc/log_format.md) with a plain CRC-32: blocks of
32 KiB from the file's start, a record in one piece or in several, none of which crosses a block's end.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from core.system.errors import LabError
from core.system.files import open_regular

BLOCK_BYTES = 32_768
MAX_RECORD_BYTES = 64_000_000  # more is left out: no figure is that long
_FILE_HEADER, _HEADER = struct.Struct("<4sHB"), struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4

Value = int | bytes


class WireError(LabError, ValueError):
    """Bytes that are no message."""


def read_fields(data: bytes) -> list[tuple[int, Value]]:
    """Number and value of each field: a number for a varint, else its bytes. Raises WireError."""
    place, size, fields = 0, len(data), []
    try:
        while place < size:
            # Most numbers have one byte.
            tag, place = (data[place], place + 1) if data[place] < 128 else _read_varint(data, place)
            value: Value
            match tag & 7:
                case 2:
                    length, start = (data[place], place + 1) if data[place] < 128 else _read_varint(data, place)
                    place = start + length
                    value = data[start:place]
                case 0:
                    value, place = _read_varint(data, place)
                case 1:
                    value, place = data[place : place + 8], place + 8
                case 5:
                    value, place = data[place : place + 4], place + 4
                case _:
                    raise WireError("a field of a kind that is not known")
            fields.append((tag >> 3, value))
    except IndexError:
        raise WireError("a number that ends after its message") from None
    if place > size:
        raise WireError("a field that ends after its message")
    return fields


def _read_varint(data: bytes, place: int) -> tuple[int, int]:
    """Raises IndexError if it ends after the message."""
    value = shift = 0
    while (byte := data[place]) > 127:
        value |= (byte & 127) << shift
        shift, place = shift + 7, place + 1
        if shift > 63:
            raise WireError("a number of more than 64 bits")
    return value | byte << shift, place + 1


def to_text(value: Value) -> str:
    """A field as text. Raises WireError."""
    return to_bytes(value).decode("utf-8", "replace")


def to_bytes(value: Value) -> bytes:
    """A field as bytes, such as a message within. Raises WireError."""
    if isinstance(value, int):
        raise WireError("a number where a text or message belongs")
    return value


def to_int(value: Value) -> int:
    """A signed number of 64 bits. Raises WireError."""
    if not isinstance(value, int):
        raise WireError("a text or message where a number belongs")
    value &= 2**64 - 1
    return value - 2**64 if value >= 2**63 else value


def to_double(value: Value) -> float:
    """Raises WireError."""
    if isinstance(value, int) or len(value) != 8:
        raise WireError("no number of 64 bits")
    return float(struct.unpack("<d", value)[0])


class LogFile:
    """The whole records of a log; afterwards `damage` says why it ended early, and `damaged` counts what was lost."""

    def __init__(self, path: Path, header: tuple[bytes, int, int]) -> None:
        self.path, self.header, self.damage, self.whole, self.damaged = path, header, "", 0, 0

    def __iter__(self) -> Iterator[bytes]:
        record: bytearray | None = None
        with open_regular(self.path) as file:
            place = _FILE_HEADER.size
            while block := file.read(BLOCK_BYTES):
                for kind, data in self._split(block, place):
                    if kind == _FULL:
                        self.damaged += record is not None
                        record = None
                        self.whole += 1
                        yield data
                        continue
                    if kind == _FIRST:
                        self.damaged += record is not None
                        record = bytearray()
                    elif record is None or kind not in (_MIDDLE, _LAST):
                        self.damaged += kind != 0
                        record = None
                        continue
                    record += data
                    if len(record) > MAX_RECORD_BYTES:
                        self.damaged += 1
                        record = None
                    elif kind == _LAST:
                        self.whole += 1
                        yield bytes(record)
                        record = None
                place = 0
        if record is not None and not self.damage:
            self.damage = "cut short"

    def _split(self, block: bytes, place: int) -> Iterator[tuple[int, bytes]]:
        """The pieces of a block; of one that is damaged those before, then the kind 0."""
        is_last = len(block) < BLOCK_BYTES
        while place + _HEADER.size <= len(block):
            crc, length, kind = _HEADER.unpack_from(block, place)
            end = place + _HEADER.size + length
            if crc == length == kind == 0:
                return  # zeros to the block's end
            if end > len(block) and is_last:
                self.damage = "cut short"
                return
            if end > len(block) or zlib.crc32(block[place + 6 : end]) != crc:
                self.damaged += 1
                yield 0, b""
                return
            yield kind, block[place + _HEADER.size : end]
            place = end
        if is_last and place < len(block):
            self.damage = "cut short"


def make_header(header: tuple[bytes, int, int]) -> bytes:
    """How a log of this kind begins."""
    return _FILE_HEADER.pack(*header)
