"""Grey values of any depth become the eight bits that the same pixels have in a file of eight."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data.decoding import Look, decode_here, decode_image
from core.data.shades import Scale, Shades, Span, find_scale, join_spans

SIDE = 16
PIXELS = np.arange(SIDE * SIDE, dtype=np.uint8).reshape(SIDE, SIDE)  # a ramp, mean 127.5


def write_ppm(path: Path, values: np.ndarray, largest: int) -> None:
    head = f"P5 {values.shape[1]} {values.shape[0]} {largest}\n".encode()
    path.write_bytes(head + values.astype(">u2" if largest > 255 else np.uint8).tobytes())


def save_depths(root: Path) -> None:
    """The same pixels in every depth and format in which grey is kept."""
    wide = PIXELS.astype(np.uint16) * 257
    Image.fromarray(PIXELS).save(root / "8.png")
    for name in ("16.png", "16.tif", "16.pgm"):
        Image.fromarray(wide).save(root / name)
    Image.fromarray(PIXELS.astype(np.int32)).save(root / "8-in-32.tif")
    Image.fromarray(wide.astype(np.int32)).save(root / "16-in-32.tif")
    Image.fromarray((PIXELS / 255).astype(np.float32)).save(root / "fractions.tif")
    Image.fromarray(PIXELS.astype(np.float32)).save(root / "whole.tif")
    Image.fromarray(wide.astype(np.float32)).save(root / "whole-16.tif")
    for bits in (10, 12):
        values = np.round(PIXELS.astype(np.float64) * (2**bits - 1) / 255).astype(np.uint16)
        Image.fromarray(values).save(root / f"{bits}-in-16.png")
        Image.fromarray(values).save(root / f"{bits}-in-16.tif")
        write_ppm(root / f"{bits}.pgm", values, 2**bits - 1)
        write_ppm(root / f"{bits}-in-16.pgm", values, 2**16 - 1)


def test_the_same_pixels_decode_alike_whatever_their_depth(tmp_path: Path) -> None:
    save_depths(tmp_path)
    paths = sorted(tmp_path.iterdir())
    assert len(paths) == 17
    for path in paths:
        grey = decode_image(path, Look(SIDE))[..., 0]
        assert np.abs(grey.astype(int) - PIXELS).max() <= 1, path.name
        assert len(np.unique(grey)) >= 250, path.name


def test_the_range_is_that_of_the_set_so_a_dark_image_stays_dark(tmp_path: Path) -> None:
    values = np.linspace(0, 4095, SIDE * SIDE).astype(np.uint16).reshape(SIDE, SIDE)
    Image.fromarray(values).save(tmp_path / "bright.png")
    Image.fromarray(values // 16).save(tmp_path / "dark.png")
    Image.fromarray(PIXELS).save(tmp_path / "eight.png")
    names = ("bright.png", "dark.png", "eight.png")
    pixels, faults, scales = decode_here([str(tmp_path / name) for name in names], Look(SIDE))
    assert not faults
    assert scales == {"uint16": Scale(0, 4095)}
    bright, dark, eight = pixels[..., 0].astype(int)
    np.testing.assert_array_equal(bright, values >> 4)
    np.testing.assert_array_equal(dark, values // 16 >> 4)
    np.testing.assert_array_equal(eight, PIXELS)
    # One image that comes later is scaled like the set; alone it would be brighter.
    np.testing.assert_array_equal(decode_image(tmp_path / "dark.png", Look(SIDE, scales=scales))[..., 0], dark)
    assert decode_image(tmp_path / "dark.png", Look(SIDE)).mean() > 4 * dark.mean()


def test_a_largest_value_that_a_pgm_tells_is_white_even_if_no_pixel_has_it(tmp_path: Path) -> None:
    write_ppm(tmp_path / "told.pgm", np.full((SIDE, SIDE), 100), 1000)
    assert decode_image(tmp_path / "told.pgm", Look(SIDE))[0, 0, 0] == pytest.approx(25.5, abs=1)


def test_a_tiff_whose_white_is_zero_is_not_read_as_its_negative(tmp_path: Path) -> None:
    Image.fromarray(PIXELS.astype(np.uint16) * 257).save(tmp_path / "negative.tif", tiffinfo={262: 0})
    np.testing.assert_array_equal(decode_image(tmp_path / "negative.tif", Look(SIDE))[..., 0], 255 - PIXELS)


def test_what_is_no_number_is_black_or_white(tmp_path: Path) -> None:
    values = (PIXELS / 255).astype(np.float32)
    values[0, :3] = np.nan, np.inf, -np.inf
    Image.fromarray(values).save(tmp_path / "odd.tif")
    grey = decode_image(tmp_path / "odd.tif", Look(SIDE))[..., 0]
    assert grey[0, :3].tolist() == [0, 255, 0]
    np.testing.assert_array_equal(grey[1:], PIXELS[1:])
    Image.fromarray(np.full((SIDE, SIDE), np.nan, np.float32)).save(tmp_path / "none.tif")
    assert not decode_image(tmp_path / "none.tif", Look(SIDE)).any()


@pytest.mark.parametrize(
    ("span", "scale"),
    [
        (Span(0, 200, is_whole=True), (0, 255)),
        (Span(3, 1000, is_whole=True), (0, 1023)),
        (Span(0, 40_000, is_whole=True), (0, 65_535)),
        (Span(0, 2**32 - 1, is_whole=True), (0, 2**32 - 1)),
        (Span(0, 1e12, is_whole=True), (0, 1e12)),
        (Span(0, 0.5, is_whole=False), (0, 1)),
        (Span(0, 3.7, is_whole=False), (0, 3.7)),
        (Span(-1024, 3071, is_whole=True), (-1024, 3071)),
        (Span(-5, -5, is_whole=True), (-5, -4)),
        (Span(0, 0, is_whole=True), (0, 1)),
    ],
)
def test_black_and_white_follow_from_the_range(span: Span, scale: tuple[float, float]) -> None:
    assert find_scale(span) == scale


def test_a_large_image_is_measured_and_scaled_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.data.shades._CHUNK_VALUES", 40)
    shades = Shades(PIXELS.astype(np.int32) - 100, "int32")
    assert shades.span() == Span(-100, 155, is_whole=True)
    np.testing.assert_array_equal(shades.to_bytes(find_scale(shades.span())), PIXELS)
    assert join_spans([Span(0, 1, is_whole=True), Span(-2, 0.5, is_whole=False)]) == Span(-2, 1, is_whole=False)
    assert join_spans([]) is None
