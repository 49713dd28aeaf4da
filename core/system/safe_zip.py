"""Zips that are not to be trusted; and checkpoints of format 1, seen without torch: zips that store, with one pickle.

torch also loads older formats and deflated members: more code for a hostile file to reach, and a few kilobytes that
unpack to gigabytes.
"""

from __future__ import annotations

import os
import time
import zipfile
from collections.abc import Callable
from typing import IO, Any

from core.system.errors import LabError

MAX_PICKLE_BYTES = 32_000_000
MAX_DIRECTORY_BYTES = 4_000_000  # of an archive's list of members
YEARS = (315_532_800.0, 4_354_819_198.0)  # 1980 to 2107, which a zip can tell; in seconds since 1970


class CheckpointFileError(LabError):
    """A file that is no checkpoint; the message continues a sentence that begins with its name."""


def date_in_zip(moment: float) -> tuple[int, int, int, int, int, int]:
    """A time, in seconds since 1970, as the date of a member; the same on every machine."""
    year, month, day, hour, minute, second, *_ = time.gmtime(min(max(moment, YEARS[0]), YEARS[1]))
    return year, month, day, hour, minute, second


class BoundedFile:
    """A file that is read in pieces only: an archive whose list of members is huge would fill the memory."""

    def __init__(self, file: IO[bytes], limit: int, error: Callable[[str], Exception]) -> None:
        self._file, self._limit, self._error = file, limit, error

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(self._limit + 1 if size < 0 else min(size, self._limit + 1))
        if len(content) > self._limit:
            raise self._error("The archive's list of members is too long.")
        return content

    def seekable(self) -> bool:
        return True

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return getattr(self._file, name)  # type: ignore[no-any-return]


def is_zip(file: IO[bytes]) -> bool:
    """Whether a file begins as a zip does, and as a checkpoint of format 1."""
    file.seek(0)
    return file.read(2) == b"PK"


def read_pickle(file: IO[bytes]) -> bytes:
    """The pickle of a checkpoint of format 1, as bytes. Raises CheckpointFileError if loading the file is not safe."""
    size = file.seek(0, os.SEEK_END)
    try:
        with zipfile.ZipFile(BoundedFile(file, MAX_DIRECTORY_BYTES, CheckpointFileError)) as archive:
            members = archive.infolist()
            # torch stores and never deflates: what is loaded is no larger than the file.
            if any(member.compress_type or member.flag_bits & 1 for member in members):
                raise CheckpointFileError("is packed in a way that no checkpoint is")
            if sum(member.file_size for member in members) > size:
                raise CheckpointFileError("claims to hold more than it does")
            pickles = [member for member in members if member.filename.endswith(".pkl")]
            if len(pickles) != 1 or pickles[0].filename.count("/") != 1 or pickles[0].file_size > MAX_PICKLE_BYTES:
                raise CheckpointFileError("holds no training state")
            return archive.read(pickles[0])
    except CheckpointFileError:
        raise
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError) as error:
        raise CheckpointFileError("holds no training state") from error
