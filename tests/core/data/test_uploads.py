"""A person's own image becomes a square or a sentence."""

import io
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.data.decoding import Look
from core.data.uploads import MAX_BYTES, check_upload, decode_upload, name_upload
from core.helper.questions import QuestionError


def as_file(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM"])
def test_an_image_of_any_kind_becomes_a_square(kind: str) -> None:
    pixels = decode_upload(as_file(Image.new("RGB", (90, 40), (200, 30, 30)), kind), Look(32))
    assert pixels.shape == (32, 32, 3)
    np.testing.assert_allclose(pixels[16, 16], (200, 30, 30), atol=6)


# Made by the test: to make them takes longer than to collect a hundred others.
@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: b"", "empty"),
        (lambda: b"hello, I am no image", "no image"),
        (lambda: b"\0" * (MAX_BYTES + 1), "at most 10 MB"),
        (lambda: as_file(Image.effect_noise((64, 64), 50))[:900], "damaged"),
        (lambda: as_file(Image.new("1", (12_000, 11_000))), "12,000 x 11,000 pixels; at most 120 million"),
        (lambda: as_file(Image.new("1", (20_000, 10_000))), "far too many pixels"),
    ],
    ids=["empty", "text", "large", "cut off", "many pixels", "far too many pixels"],
)
def test_what_is_no_usable_image_is_refused_in_words(make: Callable[[], bytes], says: str) -> None:
    with pytest.raises(QuestionError, match=says):
        decode_upload(make(), Look(32))


@given(st.binary(max_size=200), st.integers(0, 60))
def test_no_bytes_whatever_escape_as_another_error(noise: bytes, at: int) -> None:
    whole = as_file(Image.new("RGB", (9, 9), (1, 2, 3)))
    with suppress(QuestionError):
        assert decode_upload(whole[:at] + noise + whole[at + len(noise) :], Look(8)).shape == (8, 8, 3)


def test_a_files_name_is_short_and_without_folders() -> None:
    assert name_upload("../../etc/passwd") == "passwd"
    assert name_upload(r"C:\pictures\cat.png") == "cat.png"
    assert len(name_upload("x" * 500)) == 60
    check_upload(b"x")
