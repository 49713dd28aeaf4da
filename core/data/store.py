"""Where data sets live on the disk, and the error that a page shows when something is wrong with them."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.system.errors import LabError
from core.system.folders import PROJECT
from core.system.locks import FileLock, RunsFolderError, is_locked

_MOMENT_SECONDS = 0.1  # for which `is_held` may have the lock


class DataError(LabError):
    """Something is wrong with a data set."""

    kind = "data"


def data_folder() -> Path:
    """`RESNET_LAB_DATA`, or `data/` beside the code."""
    return Path(os.environ.get("RESNET_LAB_DATA") or PROJECT / "data").expanduser().absolute()


def folder_of(name: str) -> Path:
    """Where a downloaded data set lives; it is there as a whole or not at all."""
    return data_folder() / name


def work_folder() -> Path:
    """The hidden folder for locks, progress and half-made files; on the data folder's disk, so a rename is atomic."""
    folder = data_folder() / ".work"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(error) from error
    return folder


@contextmanager
def temporary_folder(name: str) -> Iterator[Path]:
    """An empty folder in the work folder, removed at the end; what a killed process left in it goes first."""
    folder = work_folder() / f"{name}.part"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def lock_for(name: str) -> FileLock:
    """The lock under which `name` is made or deleted, held; waits for it. The system frees it when its holder dies."""
    lock = _acquire(name, math.inf)
    assert lock is not None
    return lock


def try_lock(name: str) -> FileLock | None:
    """The lock, held, or None while another makes or deletes `name`."""
    return _acquire(name, _MOMENT_SECONDS)


def is_held(name: str) -> bool:
    """Whether `name` is being made or deleted right now."""
    return is_locked(_lock_file(name))


def _acquire(name: str, seconds: float) -> FileLock | None:
    lock = FileLock(_lock_file(name))
    try:
        return lock if lock.acquire(seconds) else None
    except RunsFolderError as error:
        raise DataError(
            f"{data_folder()} is on a file system without working file locks; set RESNET_LAB_DATA to a folder on a "
            "local disk."
        ) from error
    except OSError as error:
        raise _cannot_write(error) from error


def _lock_file(name: str) -> Path:
    return work_folder() / f"{name}.lock"


def _cannot_write(error: OSError) -> DataError:
    return DataError(f"The data folder {data_folder()} cannot be written: {error.strerror}.")


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below a folder; 0 if there is none."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
