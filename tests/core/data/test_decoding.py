"""Whatever a picture's file is like, it becomes upright RGB of the size asked for."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data.decoding import decode_image
from core.data.folder import SUFFIXES


def save_oddities(root: Path) -> None:
    """One picture of the colour (200, 100, 50), or of its grey, in each way that files keep colours."""
    colour = Image.new("RGB", (20, 30), (200, 100, 50))
    colour.save(root / "rgb.png")
    colour.convert("RGBA").save(root / "rgba.png")
    colour.convert("P", palette=Image.Palette.ADAPTIVE).save(root / "palette.gif")
    colour.convert("CMYK").save(root / "cmyk.tif")
    colour.save(root / "upper.PNG")
    colour.save(root / "photo.jpg", quality=95)
    colour.save(root / "web.webp", lossless=True)


def test_every_kind_of_picture_becomes_rgb_of_the_size_asked_for(tmp_path: Path) -> None:
    save_oddities(tmp_path)
    assert {path.suffix.lower() for path in tmp_path.iterdir()} <= SUFFIXES
    for path in tmp_path.iterdir():
        pixels = decode_image(path, 16)
        assert pixels.shape == (16, 16, 3)
        assert np.abs(pixels.astype(int) - [200, 100, 50]).max() <= 3, path.name


def test_sixteen_bit_grey_keeps_its_shades(tmp_path: Path) -> None:
    shades = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    Image.fromarray(shades).save(tmp_path / "deep.png")
    assert np.array_equal(decode_image(tmp_path / "deep.png", 8)[..., 0], shades >> 8)


def test_a_photo_taken_sideways_is_put_upright(tmp_path: Path) -> None:
    upright = Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it a quarter turn clockwise
    upright.rotate(90).save(tmp_path / "sideways.png", exif=exif)
    assert np.array_equal(decode_image(tmp_path / "sideways.png", 8), np.asarray(upright))


@pytest.mark.parametrize(("width", "height"), [(40, 10), (10, 40), (64, 48), (8, 8), (5, 7)])
def test_the_shorter_side_is_resized_and_the_centre_is_kept(tmp_path: Path, width: int, height: int) -> None:
    slope = np.linspace(0, 255, width * height * 3).reshape(height, width, 3).astype(np.uint8)
    Image.fromarray(slope).save(tmp_path / "slope.png")
    scale = 8 / min(width, height)
    whole = Image.fromarray(slope).resize((round(width * scale), round(height * scale)), Image.Resampling.BILINEAR)
    left, top = (whole.width - 8) // 2, (whole.height - 8) // 2
    expected = np.asarray(whole.crop((left, top, left + 8, top + 8)))
    difference = np.abs(decode_image(tmp_path / "slope.png", 8).astype(int) - expected)
    assert difference.max() <= 255 / min(width, height) / 2  # half a pixel, where the centre lies between two
