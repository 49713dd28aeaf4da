#!/usr/bin/env bash
# Pillow 13.0.0: a 16-bit grey TIFF in which 0 is white (PhotometricInterpretation 0) is read as its own negative.
#
# TIFF 6.0 lets 0 stand for white. At 8 bits Pillow turns such values round while it reads them; at 16 bits it hands
# them out as they lie in the file, in the same mode as a file in which 0 is black. Scanners and microscopes write both.
# No warning; the tag alone (image.tag_v2[262]) tells.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet Pillow==13.0.0
"$folder/venv/bin/python" - <<'PYTHON'
import io
import struct

from PIL import Image, __version__

WHITE_IS_ZERO, BLACK_IS_ZERO = 0, 1


def read_tiff(bits: int, photometric: int) -> list[int]:
    """The values that Pillow finds in a TIFF of two pixels, 0 and the largest, written by the specification."""
    data = struct.pack("<2H", 0, 0xFFFF) if bits == 16 else bytes([0, 255])
    entries = [(256, 2), (257, 1), (258, bits), (259, 1), (262, photometric), (273, 0), (277, 1), (278, 1), (279, len(data))]
    start = 8 + 2 + 12 * len(entries) + 4
    entries = [(tag, start if tag == 273 else value) for tag, value in entries]
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    content = b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + struct.pack("<I", 0) + data
    image = Image.open(io.BytesIO(content))
    return [image.getpixel((x, 0)) for x in range(2)]


found = {(bits, photometric): read_tiff(bits, photometric) for bits in (8, 16) for photometric in (0, 1)}
print("Pillow", __version__)
for (bits, photometric), values in found.items():
    print(f"{bits:2} bits, {'white' if photometric == WHITE_IS_ZERO else 'black'} is zero: stored 0 and largest, read {values}")
assert found[8, WHITE_IS_ZERO] == [255, 0]  # white first, as it should be
assert found[8, BLACK_IS_ZERO] == [0, 255]
assert found[16, BLACK_IS_ZERO] == [0, 65535]
assert found[16, WHITE_IS_ZERO] == [0, 65535]  # as if black were zero
PYTHON
