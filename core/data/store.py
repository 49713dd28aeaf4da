"""Where data sets live on the disk, and the error that a page shows when something is wrong with them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from filelock import FileLock

from core.system.folders import PROJECT


class DataError(Exception):
    """Something is wrong with a data set; the message is a sentence for a page."""


def data_folder() -> Path:
    """`RESNET_LAB_DATA`, or `data/` beside the code."""
    return Path(os.environ.get("RESNET_LAB_DATA") or PROJECT / "data").expanduser().absolute()


def work_folder() -> Path:
    """The hidden folder for locks, progress and half-made files; on the data folder's disk, so a rename is atomic."""
    folder = data_folder() / ".work"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"The data folder {data_folder()} cannot be written: {error.strerror}.") from error
    return folder


def lock_for(name: str) -> FileLock:
    """The lock under which `name` is made or deleted; the system frees it when its holder dies."""
    # A soft lock would outlive a killed holder, so a file system without flock is refused.
    return FileLock(work_folder() / f"{name}.lock", fallback_to_soft=False)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes to the side and renames, so that a reader never sees half a file."""
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    aside.write_text(json.dumps(content), encoding="utf-8")
    aside.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """The content, or nothing where the file is missing or is not a JSON object."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below a folder; 0 where there is none."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
