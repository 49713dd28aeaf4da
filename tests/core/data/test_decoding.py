"""Whatever a picture's file is like, it becomes upright RGB of the size asked for."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data import decoding
from core.data.decoding import FORMATS, Look, TooManyPixelsError, decode_here, decode_image, open_image
from core.data.folder import SUFFIXES
from core.data.store import DataError


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
        pixels = decode_image(path, Look(16))
        assert pixels.shape == (16, 16, 3)
        assert np.abs(pixels.astype(int) - [200, 100, 50]).max() <= 3, path.name


def test_sixteen_bit_grey_keeps_its_shades(tmp_path: Path) -> None:
    shades = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    Image.fromarray(shades).save(tmp_path / "deep.png")
    assert np.array_equal(decode_image(tmp_path / "deep.png", Look(8))[..., 0], shades >> 8)


def test_a_photo_taken_sideways_is_put_upright(tmp_path: Path) -> None:
    upright = Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it a quarter turn clockwise
    upright.rotate(90).save(tmp_path / "sideways.png", exif=exif)
    assert np.array_equal(decode_image(tmp_path / "sideways.png", Look(8)), np.asarray(upright))


@pytest.mark.parametrize(("width", "height"), [(40, 10), (10, 40), (64, 48), (8, 8), (5, 7)])
def test_the_shorter_side_is_resized_and_the_centre_is_kept(tmp_path: Path, width: int, height: int) -> None:
    slope = np.linspace(0, 255, width * height * 3).reshape(height, width, 3).astype(np.uint8)
    Image.fromarray(slope).save(tmp_path / "slope.png")
    scale = 8 / min(width, height)
    whole = Image.fromarray(slope).resize((round(width * scale), round(height * scale)), Image.Resampling.BILINEAR)
    left, top = (whole.width - 8) // 2, (whole.height - 8) // 2
    expected = np.asarray(whole.crop((left, top, left + 8, top + 8)))
    difference = np.abs(decode_image(tmp_path / "slope.png", Look(8)).astype(int) - expected)
    assert difference.max() <= 255 / min(width, height) / 2  # half a pixel, where the centre lies between two


# Transparency


def pack_png(bits: int, colour: int, row: bytes, width: int, key: bytes, palette: bytes = b"") -> io.BytesIO:
    """A PNG of one row with a tRNS chunk, as its specification has it."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, bits, colour, 0, 0, 0))
    body = (chunk(b"PLTE", palette) if palette else b"") + chunk(b"tRNS", key)
    rest = chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + head + body + rest)


@pytest.mark.parametrize(
    ("file", "opaque"),
    [
        (pack_png(1, 0, b"\x80", 2, struct.pack(">H", 1)), 0),
        (pack_png(2, 0, b"\xd0", 2, struct.pack(">H", 3)), 85),
        (pack_png(4, 0, b"\xf1", 2, struct.pack(">H", 15)), 17),
        (pack_png(8, 0, b"\xf1\x02", 2, struct.pack(">H", 0xF1)), 2),
        (pack_png(16, 0, b"\xff\xff\x80\x80", 2, struct.pack(">H", 0xFFFF)), 0x80),
        (pack_png(8, 2, b"\1\2\3\7\7\7", 2, struct.pack(">3H", 1, 2, 3)), 7),
        (pack_png(16, 2, b"\x12\x34" * 3 + b"\x12\x35" * 2 + b"\xff\xff", 2, struct.pack(">3H", *[0x1234] * 3)), 0x12),
        (pack_png(8, 3, b"\0\1", 2, b"\0\xff", b"\1\2\3\7\7\7"), 7),
    ],
)
@pytest.mark.parametrize("ground", ["white", "grey", "black"])
def test_what_a_png_calls_transparent_shows_the_ground_at_any_depth(file: io.BytesIO, opaque: int, ground: str) -> None:
    file.seek(0)
    assert _row_of(file, ground) == [decoding.GROUNDS[ground], opaque]


def _row_of(file: io.BytesIO, ground: str) -> list[int]:
    """The two pixels of a row, each as one value, at their own size."""
    with decoding._open(file, 1) as (image, shades):
        if shades:
            image = decoding._make_image(shades, {}, image.info.get("transparency"))
        return np.asarray(decoding._lay_over(image, decoding.GROUNDS[ground]))[0, :, 0].tolist()


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        *(("RGBA", kind) for kind in ("PNG", "WEBP", "TIFF", "GIF", *decoding._WITH_AVIF)),
        *(("LA", kind) for kind in ("PNG", "TIFF")),
        ("PA", "TIFF"),
        ("P", "PNG"),
    ],
)
@pytest.mark.parametrize("ground", ["white", "grey", "black"])
def test_transparent_parts_lie_over_the_ground_in_every_mode(tmp_path: Path, mode: str, kind: str, ground: str) -> None:
    image = Image.new("RGBA", (16, 16), (0, 0, 0, 0))  # black where nobody should see it
    image.paste((200, 200, 200, 255), (0, 0, 16, 8))
    path = tmp_path / f"image.{kind.lower()}"
    options = {"lossless": True} if kind == "WEBP" else {"quality": 100} if kind == "AVIF" else {}
    (image.quantize(4) if mode == "P" else image.convert(mode)).save(path, kind, **options)
    pixels = decode_image(path, Look(16, ground)).astype(int)
    assert np.abs(pixels[:6] - 200).max() <= 3
    assert np.abs(pixels[-6:] - decoding.GROUNDS[ground]).max() <= 3


def test_half_transparent_is_halfway_and_opaque_is_as_it_was(tmp_path: Path) -> None:
    Image.new("RGBA", (8, 8), (0, 100, 200, 128)).save(tmp_path / "half.png")
    assert decode_image(tmp_path / "half.png", Look(8))[0, 0].tolist() == pytest.approx([127, 177, 227], abs=1)
    noise = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(np.dstack([noise, np.full((8, 8), 255, np.uint8)])).save(tmp_path / "opaque.png")
    for ground in decoding.GROUNDS:
        np.testing.assert_array_equal(decode_image(tmp_path / "opaque.png", Look(8, ground)), noise)


# Limits and faults


@pytest.mark.parametrize("kind", FORMATS)
def test_too_many_pixels_are_refused_in_every_format_by_the_same_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    Image.new("RGB", (400, 300), (9, 9, 9)).save(tmp_path / "image", kind)
    assert decode_image(tmp_path / "image", Look(8)).shape == (8, 8, 3)
    monkeypatch.setattr(decoding, "MAX_PIXELS", 119_999)  # a JPEG would be decoded at an eighth of its size
    with pytest.raises(TooManyPixelsError, match="400 x 300 pixels"):
        open_image(tmp_path / "image", Look(8))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_an_honest_image_of_sixty_million_pixels_is_read(tmp_path: Path, kind: str) -> None:
    Image.new("1", (8000, 7500), 1).save(tmp_path / "large", kind)
    assert (decode_image(tmp_path / "large", Look(8)) == 255).all()


def test_all_damaged_files_are_found_in_one_pass(tmp_path: Path) -> None:
    for place in range(6):
        Image.new("RGB", (8, 8), (place, 0, 0)).save(tmp_path / f"{place}.png")
    (tmp_path / "1.png").write_bytes(b"")
    (tmp_path / "3.png").write_text("no image")
    (tmp_path / "5.png").unlink()
    paths = [str(tmp_path / f"{place}.png") for place in range(6)]
    pixels, faults, _ = decode_here(paths, Look(8))
    assert list(faults) == [1, 3, 5]
    assert faults[3].startswith("it is none of PNG")
    assert faults[5] == "No such file or directory"
    assert [int(pixels[place, 0, 0, 0]) for place in (0, 2, 4)] == [0, 2, 4]
    with pytest.raises(DataError, match=r"3\.png cannot be decoded: it is none of PNG"):
        decode_image(paths[3], Look(8))


def test_a_whole_image_is_drawn_upright_and_uncropped(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (90, 30), (200, 10, 10)).save(tmp_path / "photo.png", exif=turned)
    with Image.open(io.BytesIO(decoding.draw_whole(tmp_path / "photo.png", Look(45)))) as image:
        assert (image.format, image.size, image.getpixel((5, 5))) == ("PNG", (15, 45), (200, 10, 10))
    (tmp_path / "photo.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"photo\.png cannot be decoded: it is none of PNG"):
        decoding.draw_whole(tmp_path / "photo.png", Look(45))
