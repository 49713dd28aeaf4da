"""Whether what lies in a run's folder is the run's own, and whether its records hold what they should."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.runs import layout, shapes
from core.system import files

if TYPE_CHECKING:
    from pydantic import BaseModel

_FILES = {value for name, value in vars(layout).items() if name.isupper()} - {layout.CHECKPOINTS, layout.PREDICTIONS}


def require_own_files(folder: Path) -> None:
    """Raises DamagedFileError for a link, which may lead anywhere, for a pipe, which may never answer, and for a
    folder in place of a file."""
    for parent in ("", layout.CHECKPOINTS, layout.PREDICTIONS):
        with suppress(OSError), os.scandir(folder / parent) as entries:
            for entry in entries:
                name = f"{parent}/{entry.name}" if parent else entry.name
                if entry.is_dir(follow_symlinks=False):
                    if name in _FILES:
                        raise files.DamagedFileError(f"{name} is a folder")
                elif not entry.is_file(follow_symlinks=False) and os.path.lexists(entry.path):
                    raise files.DamagedFileError(f"{name} is no regular file of the run")


def require_shape(folder: Path, name: str, model: type[BaseModel]) -> None:
    """Raises DamagedFileError if the record is there and cannot be used."""
    found = files.find_json(folder / name)
    if found is not None and (fault := shapes.find_fault(model, found)):
        raise files.DamagedFileError(f"{name}: {fault}")


def find_record(folder: Path, name: str, model: type[BaseModel]) -> dict[str, Any] | None:
    """A record, or None if it is missing or damaged."""
    found = files.find_note(folder / name)
    return None if found is None or shapes.find_fault(model, found) else found
