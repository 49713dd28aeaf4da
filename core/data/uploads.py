"""A file that a visitor drops becomes pixels, or a sentence that says why not."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import UnidentifiedImageError

from core.data.decoding import DAMAGE, FORMATS, Pixels, TooManyPixelsError, open_image
from core.helper.questions import QuestionError

MAX_BYTES = 10_000_000
SUFFIXES = (
    "png",
    "jpg",
    "jpeg",
    "jfif",
    "webp",
    "bmp",
    "gif",
    "tif",
    "tiff",
    *(["avif"] if "AVIF" in FORMATS else []),
    "ppm",
)


def check_upload(content: bytes) -> None:
    """Raises QuestionError for a file that is empty or too large; looks at no more than its size."""
    if not content:
        raise QuestionError("The file is empty.")
    if len(content) > MAX_BYTES:
        raise QuestionError(f"The file has {len(content) / 1e6:.1f} MB; at most {MAX_BYTES / 1e6:.0f} MB can be read.")


def decode_upload(content: bytes, size: int) -> Pixels:
    """The image in a file as (size, size, 3), treated as an image folder's. Raises QuestionError.

    Its size is read from the header, before any pixel is unpacked: a few kilobytes can claim gigabytes.
    """
    check_upload(content)
    try:
        return open_image(io.BytesIO(content), size)
    except TooManyPixelsError as error:
        raise QuestionError(f"The image is too large: {error}.") from None
    except UnidentifiedImageError:
        raise QuestionError(f"This is no image that can be read here; use {', '.join(FORMATS[:-1])}.") from None
    except DAMAGE as error:
        raise QuestionError(f"The image is damaged and cannot be read: {str(error).rstrip('.')}.") from error


def name_upload(name: str, longest: int = 60) -> str:
    """A file's name as a caption: without folders, and short."""
    plain = Path(name.replace("\\", "/")).name
    return plain if len(plain) <= longest else f"{plain[: longest - 1]}…"
