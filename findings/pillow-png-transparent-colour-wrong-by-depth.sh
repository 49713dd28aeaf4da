#!/usr/bin/env bash
# Pillow 13.0.0: the one transparent colour of a PNG (chunk tRNS) is understood only at 8 bits a sample.
#
# The PNG specification (third edition, 11.3.1.1) gives that colour in the image's own depth. Pillow spreads the pixels
# of 2 and 4 bits over 8 and cuts those of 16 down, and compares them with the colour as it stands in the file:
#   - 2-bit grey: the transparent value 3 became pixel 255, so nothing is transparent;
#   - 16-bit RGB: the colour (0x1234, 0xFFFF, 0) stays opaque, while (0xFFFF, 0, 0) is found, by clipping;
#   - 16-bit grey: converted to RGBA, every value above 255 becomes white, and transparent too if the colour is 0xFFFF.
# No warning and no error. Who lays such images over a ground gets the hidden colour, or a blank.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet Pillow==13.0.0
"$folder/venv/bin/python" - <<'PYTHON'
import io
import struct
import zlib

from PIL import Image, __version__

GREY, RGB = 0, 2


def make_png(width: int, depth: int, colour_type: int, row: bytes, transparent: bytes) -> Image.Image:
    """A PNG of one row, written by the specification."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, 1, depth, colour_type, 0, 0, 0)
    parts = (b"IHDR", header), (b"tRNS", transparent), (b"IDAT", zlib.compress(b"\0" + row)), (b"IEND", b"")
    return Image.open(io.BytesIO(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)))


def pixels(image: Image.Image) -> list[tuple[int, ...]]:
    rgba = image.convert("RGBA")
    return [rgba.getpixel((x, 0)) for x in range(rgba.width)]


eight = pixels(make_png(2, 8, GREY, bytes([255, 85]), struct.pack(">H", 255)))
two = pixels(make_png(2, 2, GREY, bytes([0b11_01_0000]), struct.pack(">H", 3)))
deep_row = struct.pack(">6H", 0x1234, 0xFFFF, 0, 0xFFFF, 0, 0)
deep = pixels(make_png(2, 16, RGB, deep_row, struct.pack(">3H", 0x1234, 0xFFFF, 0)))
red = pixels(make_png(2, 16, RGB, deep_row, struct.pack(">3H", 0xFFFF, 0, 0)))
grey = pixels(make_png(2, 16, GREY, struct.pack(">2H", 0xFFFF, 0x8080), struct.pack(">H", 0xFFFF)))
print("Pillow", __version__)
for name, found in (("8-bit", eight), ("2-bit", two), ("16-bit RGB", deep), ("16-bit RGB, red", red), ("16-bit grey", grey)):
    print(f"{name:16} {found}")
assert [pixel[3] for pixel in eight] == [0, 255]  # right: the first pixel is the transparent one, in all of them
assert [pixel[3] for pixel in two] == [255, 255]
assert [pixel[3] for pixel in deep] == [255, 255]
assert [pixel[3] for pixel in red] == [255, 0]
assert grey == [(255, 255, 255, 0), (255, 255, 255, 0)]  # the second is grey, 0x8080, and opaque
PYTHON
