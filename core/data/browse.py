"""The folders of this machine, to choose one by walking: only below those that images may be read from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from core.data.leftovers import SUFFIXES, is_leftover, suffix_of
from core.data.store import DataError
from core.data.walking import list_entries, list_roots, require_allowed

MOST_LISTED = 1000


@dataclass(frozen=True)
class Place:
    """A folder: the one above it, if it may be opened, the folders within, and how many images lie directly in it."""

    path: str
    above: str | None
    folders: tuple[str, ...]
    images: int


def list_starts() -> list[str]:
    """Where one can begin: the allowed folders, or one's home where all are."""
    return list_roots() or [str(Path.home())]


def look_into(path: str) -> Place:
    """Raises `DataError` for a folder that is not there, or not below those that are allowed."""
    real = os.path.abspath(os.path.expanduser(path))
    require_allowed(real)
    entries = list_entries(real)
    folders = sorted(entry.name for entry in entries if _is_open(entry))
    images = sum(suffix_of(entry.name) in SUFFIXES and not is_leftover(entry.name) for entry in entries)
    return Place(real, _find_above(real), tuple(folders[:MOST_LISTED]), images)


def _is_open(entry: os.DirEntry[str]) -> bool:
    """A folder that people see, and that may be read."""
    try:
        if is_leftover(entry.name) or not entry.is_dir():
            return False
        require_allowed(entry.path)
    except (OSError, DataError):
        return False
    return True


def _find_above(path: str) -> str | None:
    above = os.path.dirname(path)
    try:
        require_allowed(above)
    except DataError:
        return None
    return above if above != path else None
