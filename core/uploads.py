"""A file that a visitor drops becomes pixels, or a sentence that says why not."""

from __future__ import annotations

import io
import struct
import warnings
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from core.decoding import Pixels, fit_image
from core.questions import QuestionError

MAX_BYTES = 10_000_000
# Below Pillow's own limit: what these need in memory, 150 MB, may be needed twice.
MAX_PIXELS = 50_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
SUFFIXES = ("png", "jpg", "jpeg", "webp", "bmp", "gif", "tif", "tiff", "ppm")


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
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise QuestionError(_too_many(f"{image.width:,} x {image.height:,}"))
                return fit_image(image, size)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise QuestionError(_too_many("far too many")) from None
    except UnidentifiedImageError:
        raise QuestionError(f"This is no image that can be read here; use {', '.join(FORMATS[:-1])}.") from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, MemoryError) as error:
        raise QuestionError(f"The image is damaged and cannot be read: {str(error).rstrip('.')}.") from error


def _too_many(pixels: str) -> str:
    return f"The image has {pixels} pixels; at most {MAX_PIXELS // 1_000_000} million can be read."


def name_upload(name: str, longest: int = 60) -> str:
    """A file's name as a caption: without folders, and short."""
    plain = Path(name.replace("\\", "/")).name
    return plain if len(plain) <= longest else f"{plain[: longest - 1]}…"
