"""The arrays of a run folder: logits and labels, and the classes predicted after each epoch; nothing is unpickled."""

from __future__ import annotations

import os
from pathlib import Path
from tokenize import TokenError
from typing import Any, Literal

import numpy as np

from core.system import files

MAX_ARRAY_BYTES = 2_000_000_000


def read_array(path: Path) -> np.ndarray[Any, Any] | None:
    """None if it is not there, or no array."""
    try:
        with files.open_regular(path, MAX_ARRAY_BYTES) as file:
            array: np.ndarray[Any, Any] = np.load(file, allow_pickle=False)
    except (files.DamagedFileError, OSError, ValueError, EOFError):
        return None
    except (SyntaxError, MemoryError, RecursionError, TokenError):
        # Raised by numpy for a broken header, or one that claims terabytes.
        return None
    return array


def read_classes(path: Path, images: int, kind: Literal["uint8", "uint16"], epochs: int) -> np.ndarray[Any, Any] | None:
    """The rows (epochs, images) that are whole, of at most so many epochs; None if the file cannot be read."""
    dtype = np.dtype(kind).newbyteorder("<")
    try:
        with files.open_regular(path) as file:
            whole = min(os.fstat(file.fileno()).st_size // dtype.itemsize // images, epochs)
            flat = np.fromfile(file, dtype, count=whole * images)
    except (files.DamagedFileError, OSError):
        return None
    return flat[: whole * images].reshape(whole, images)
