"""Colours of 16 bits become the eight bits that the same pixels have in a file of eight, in every way to keep them."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from core.data.decoding import Look, decode_here, decode_image

SIDE = 16
RAMP = np.arange(SIDE * SIDE, dtype=np.uint16).reshape(SIDE, SIDE)
COLOURS = np.stack([RAMP, RAMP[::-1], RAMP.T], axis=-1)  # three ramps, (16, 16, 3)
DEPTHS = {16: COLOURS * 257, 12: np.round(COLOURS / 255 * 4095).astype(np.uint16)}
OPAQUE = np.full((SIDE, SIDE, 1), 2**16 - 1, np.uint16)


def pack_png(values: np.ndarray) -> bytes:
    """A PNG of 16 bits: grey and alpha, RGB or RGBA, by its channels."""
    side, _, channels = values.shape

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", side, side, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def pack_tiff(values: np.ndarray, order: str = "<", *, separate: bool = False, deflate: bool = False) -> bytes:
    """A TIFF of RGB or RGBA in 16 bits, each colour for itself or not."""
    side, _, channels = values.shape
    planes = np.moveaxis(values, -1, 0) if separate else values[None]
    strips = [plane.astype(f"{order}u2").tobytes() for plane in planes]
    strips = [zlib.compress(strip) for strip in strips] if deflate else strips
    room = 400  # for the head
    starts = [room + sum(map(len, strips[:index])) for index in range(len(strips))]
    tags = {
        256: ("H", [side]),
        257: ("H", [side]),
        258: ("H", [16] * channels),
        259: ("H", [8 if deflate else 1]),
        262: ("H", [2]),
        273: ("I", starts),
        277: ("H", [channels]),
        278: ("H", [side]),
        279: ("I", list(map(len, strips))),
        284: ("H", [2 if separate else 1]),
        **({338: ("H", [2])} if channels == 4 else {}),
    }
    entries, apart, place = b"", b"", 8 + 2 + 12 * len(tags) + 4
    for number, (kind, numbers) in tags.items():
        content = struct.pack(f"{order}{len(numbers)}{kind}", *numbers)
        if len(content) > 4:
            content, apart = struct.pack(f"{order}I", place + len(apart)), apart + content
        head = struct.pack(f"{order}HHI", number, {"H": 3, "I": 4}[kind], len(numbers))
        entries += head + content.ljust(4, b"\0")
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(tags))
    return (start + entries + bytes(4) + apart).ljust(room, b"\0") + b"".join(strips)


def pack_ppm(values: np.ndarray) -> bytes:
    return f"P6 {SIDE} {SIDE} 65535\n".encode() + values.astype(">u2").tobytes()


def with_alpha(values: np.ndarray) -> np.ndarray:
    return np.concatenate([values, OPAQUE], axis=-1)


def pack_all(values: np.ndarray) -> dict[str, bytes]:
    return {
        "rgb.png": pack_png(values),
        "rgba.png": pack_png(with_alpha(values)),
        "little.tif": pack_tiff(values),
        "big.tif": pack_tiff(values, ">"),
        "rgba.tif": pack_tiff(with_alpha(values)),
        "deflated.tif": pack_tiff(values, deflate=True),
        "deflated-big.tif": pack_tiff(values, ">", deflate=True),
        "separate.tif": pack_tiff(values, separate=True),
        "separate-big.tif": pack_tiff(values, ">", separate=True),
        "separate-rgba.tif": pack_tiff(with_alpha(values), separate=True),
        "rgb.ppm": pack_ppm(values),
    }


@pytest.mark.parametrize("bits", DEPTHS)
@pytest.mark.parametrize("name", pack_all(DEPTHS[16]))
def test_the_same_colours_decode_alike_whatever_their_depth(tmp_path: Path, name: str, bits: int) -> None:
    (tmp_path / name).write_bytes(pack_all(DEPTHS[bits])[name])
    np.testing.assert_array_equal(decode_image(tmp_path / name, Look(SIDE)), COLOURS)


@pytest.mark.parametrize("bits", DEPTHS)
def test_grey_with_alpha_keeps_its_shades_over_the_ground(tmp_path: Path, bits: int) -> None:
    grey = DEPTHS[bits][..., :1]
    (tmp_path / "opaque.png").write_bytes(pack_png(np.concatenate([grey, OPAQUE], axis=-1)))
    np.testing.assert_array_equal(decode_image(tmp_path / "opaque.png", Look(SIDE))[..., 0], RAMP)
    (tmp_path / "clear.png").write_bytes(pack_png(np.concatenate([grey, OPAQUE * 0], axis=-1)))
    assert (decode_image(tmp_path / "clear.png", Look(SIDE, "grey")) == 128).all()


def test_colours_apart_and_compressed_keep_their_upper_byte(tmp_path: Path) -> None:
    (tmp_path / "separate.tif").write_bytes(pack_tiff(DEPTHS[16], separate=True, deflate=True))
    np.testing.assert_array_equal(decode_image(tmp_path / "separate.tif", Look(SIDE)), COLOURS)


def test_a_dark_image_of_a_set_stays_dark(tmp_path: Path) -> None:
    for name, values in (("bright", DEPTHS[12]), ("dark", DEPTHS[12] // 16)):
        (tmp_path / f"{name}.png").write_bytes(pack_png(values))
    paths = [str(tmp_path / f"{name}.png") for name in ("bright", "dark")]
    (bright, dark), faults, scales = decode_here(paths, Look(SIDE))
    assert (faults, scales) == ({}, {"uint16": (0, 4095)})
    np.testing.assert_array_equal(bright, COLOURS)
    np.testing.assert_array_equal(dark, DEPTHS[12] >> 8)
