#!/usr/bin/env bash
# ImageHash 4.3.2: colorhash writes 4 and 6, and 5 and 7, with the same bits: half the picture is three quarters of it.
#
# Each of its 14 shares is a number from 0 to 7, to be written in three bits. Bit i is taken as v // 2^(2-i) % 2^(3-i) >
# 0 where % 2 is meant, so that the first bit sets the second as well: 100 becomes 110, and 101 becomes 111. A picture
# that is half black and one that is three quarters black have distance 0, as duplicates have; five eighths, which lie
# between, are at distance 1. With more bits a share the more of them fall together: of 64, 22 are left.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ImageHash==4.3.2 pillow==13.0.0 numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import imagehash
import numpy as np
from PIL import Image

SIDE = 64
print("ImageHash", version("ImageHash"))


def draw(black: float) -> Image.Image:
    """A red picture whose left part is black."""
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    pixels[:, round(black * SIDE) :, 0] = 255
    return Image.fromarray(pixels)


codes = {eighths: imagehash.colorhash(draw(eighths / 8)).hash[0].astype(int).tolist() for eighths in range(8)}
for eighths, bits in codes.items():
    print(f"{eighths}/8 black: bits {bits}, binary would be {eighths:03b}")
assert codes[4] == codes[6] == [1, 1, 0]
assert codes[5] == codes[7] == [1, 1, 1]
assert all(codes[number] == [int(bit) for bit in f"{number:03b}"] for number in range(4))
half = imagehash.colorhash(draw(4 / 8))
distances = [int(half - imagehash.colorhash(draw(eighths / 8))) for eighths in (4, 5, 6, 7)]
print("distance of half black to 4/8, 5/8, 6/8 and 7/8 black:", distances)
assert distances == [0, 1, 0, 1]
for bits, expected in ((2, 4), (3, 6), (4, 10), (6, 22)):
    levels = {tuple(imagehash.colorhash(draw(step / SIDE), binbits=bits).hash[0]) for step in range(SIDE)}
    print(f"{bits} bits: {len(levels)} different codes of {2**bits} shares")
    assert len(levels) == expected
PYTHON
