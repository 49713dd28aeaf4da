from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest

from core.imports.wire import LogFile, WireError, make_header, read_fields, to_double, to_int

HEADER = (b":W&B", 0xBEE1, 0)


def piece(kind: int, data: bytes) -> bytes:
    return struct.pack("<IHB", zlib.crc32(bytes([kind]) + data), len(data), kind) + data


def test_fields_are_read_by_number() -> None:
    message = b"\x08\x96\x01" + b"\x12\x03abc" + b"\x19" + struct.pack("<d", 0.1) + b"\x20" + b"\xff" * 9 + b"\x01"
    one, two, three, four = read_fields(message)

    assert (one, two) == ((1, 150), (2, b"abc"))
    assert to_double(three[1]) == 0.1
    assert to_int(four[1]) == -1


@pytest.mark.parametrize("message", [b"\x08", b"\x12\x05ab", b"\x0b", b"\x08" + b"\xff" * 11, b"\x19abc"])
def test_bytes_that_are_no_message_are_refused(message: bytes) -> None:
    with pytest.raises(WireError):
        read_fields(message)


def test_a_record_in_pieces_is_one_record(tmp_path: Path) -> None:
    first = b"a" * (32_768 - 7 - 7)  # to the end of the block, in which the file's header is counted
    (tmp_path / "log").write_bytes(make_header(HEADER) + piece(2, first) + piece(4, b"end") + piece(1, b"next"))

    assert list(LogFile(tmp_path / "log", HEADER)) == [first + b"end", b"next"]


def test_a_damaged_piece_costs_its_block_and_no_more(tmp_path: Path) -> None:
    block = make_header(HEADER) + piece(1, b"good") + piece(1, b"bad").replace(b"bad", b"BAD")
    (tmp_path / "log").write_bytes(block.ljust(32_768, b"\1") + piece(1, b"after"))
    file = LogFile(tmp_path / "log", HEADER)

    assert list(file) == [b"good", b"after"]
    assert (file.damaged, file.damage) == (1, "")


def test_a_record_in_a_hundred_thousand_pieces_takes_no_longer_than_they_are_long(tmp_path: Path) -> None:
    content = bytearray(make_header(HEADER) + piece(2, b"a"))
    for _ in range(100_000):
        if (room := 32_768 - len(content) % 32_768) < 7:
            content += bytes(room)
        content += piece(3, b"")
    (tmp_path / "log").write_bytes(content + bytes(32_768 - len(content) % 32_768) + piece(4, b"z"))

    assert list(LogFile(tmp_path / "log", HEADER)) == [b"az"]  # for hours, if each looked at those before
