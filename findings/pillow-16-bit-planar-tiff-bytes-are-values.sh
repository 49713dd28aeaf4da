#!/usr/bin/env bash
# Pillow 13.0.0: a 16-bit colour TIFF that keeps its colours apart (planar configuration 2), uncompressed, is read wrong.
#
# Each BYTE of a plane is taken for a value: pixels 2k and 2k + 1 of a row get the two bytes of value k, so the picture
# is the left half of the true one, stretched to twice its width, with the low bytes as noise in every second column. No
# error, no warning. The same values with the colours together (configuration 1), or apart but deflated, are read as
# they are, cut to their upper bytes. Microscopes and remote sensing write such files; so does tifffile with
# planarconfig="separate".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pillow==13.0.0 numpy==2.4.6 tifffile==2026.3.3
cd "$folder"
"$folder/venv/bin/python" -W error - <<'PYTHON'
import numpy as np
import PIL
import tifffile
from PIL import Image

print("Pillow", PIL.__version__, "tifffile", tifffile.__version__)
height, width = 8, 16
values = np.arange(3 * height * width, dtype=np.uint16).reshape(3, height, width) * 170 + 5  # 0 to 65,000
upper = (values >> 8).astype(np.uint8).transpose(1, 2, 0)


def read(name: str, planes: np.ndarray, **how: str) -> np.ndarray:
    tifffile.imwrite(name, planes, photometric="rgb", byteorder="<", **how)
    assert np.array_equal(tifffile.imread(name), planes)
    with Image.open(name) as image:
        pixels = np.asarray(image)
        print(f"{name}: mode {image.mode}, size {image.size}, equal to the upper bytes: {np.array_equal(pixels, upper)}")
    return pixels


together = read("together.tif", values.transpose(1, 2, 0), planarconfig="contig")
deflated = read("apart-deflated.tif", values, planarconfig="separate", compression="zlib")
apart = read("apart.tif", values, planarconfig="separate")
assert np.array_equal(together, upper)
assert np.array_equal(deflated, upper)
assert not np.array_equal(apart, upper)
first = values[0, 0].view(np.uint8)
print("first row of red: values", values[0, 0, :4], "bytes", first[:8], "Pillow", apart[0, :8, 0])
assert np.array_equal(apart[0, :8, 0], first[:8])
PYTHON
