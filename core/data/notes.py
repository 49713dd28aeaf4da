"""Images whose label is wrong, as people noted: kept beside the sets, in the data folder, and never in a set itself.

A list of noted images that a training leaves out has a mark, the hash of what it holds, and never changes: the mark in
a spec says which images were not used, whatever is noted later.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from core.data.store import DataError, data_folder, lock_for
from core.spec import DataSpec
from core.system.files import DamagedFileError, find_json, find_note, write_json

MAX_REMARK = 500
_MARK_LETTERS = 16


@dataclass(frozen=True)
class Note:
    """What somebody noted of an image: the class that it is under, the one that it is of (or ""), and a remark."""

    label: str
    should_be: str = ""
    remark: str = ""
    by: str = ""
    time: float = 0.0


@dataclass(frozen=True)
class LeftOutImage:
    """An image of a list that is left out, with its class and the part (`train`, `val`, `test`) that it stood in."""

    name: str
    label: int
    part: str


def read_notes(spec: DataSpec) -> dict[str, Note]:
    """All notes of a set, by the image's name. Raises `DataError` if they cannot be read."""
    path = _notes_file(spec)
    try:
        kept = (find_json(path) or {}).get("notes", {})
        return {_unpack(name): Note(**note) for name, note in kept.items()}
    except (DamagedFileError, TypeError, AttributeError) as error:
        raise DataError(f"The notes in {path} are damaged: mend or remove the file.") from error


def write_note(spec: DataSpec, name: str, note: Note | None) -> None:
    """Keeps what is noted of an image; None takes it back. Raises `DataError`."""
    if note and len(note.remark) > MAX_REMARK:
        raise DataError(f"A remark has at most {MAX_REMARK} letters; this one has {len(note.remark):,}.")
    with lock_for(f"notes-{_identify(spec)}"):
        notes = read_notes(spec)
        notes.pop(name, None)
        if note:
            notes[name] = Note(note.label, note.should_be, note.remark, note.by, note.time or time.time())
        path = _notes_file(spec)
        _write(path, {"set": _describe(spec), "notes": {_pack(key): asdict(each) for key, each in notes.items()}})


def keep_list(spec: DataSpec, images: Sequence[LeftOutImage]) -> str:
    """Keeps a list of images to leave out; returns its mark, as `data.without` takes it. Raises `DataError`."""
    rows = sorted([_pack(image.name), image.label, image.part] for image in images)
    content = {"set": _describe(spec), "images": rows}
    mark = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:_MARK_LETTERS]
    _write(_list_file(mark), content)
    return mark


def read_list(mark: str) -> tuple[LeftOutImage, ...]:
    """The images of a list. Raises `DataError` where there is no such list, or it is damaged."""
    if not mark:
        return ()
    content = find_note(_list_file(mark))
    if content is None:
        raise DataError(
            f"data.without = {mark}: this machine has no such list of images to leave out. It is a file in "
            f"{_list_file(mark).parent}."
        )
    found = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:_MARK_LETTERS]
    if found != mark:
        raise DataError(f"data.without = {mark}: {_list_file(mark)} was changed, and is another list now.")
    return tuple(LeftOutImage(_unpack(name), label, part) for name, label, part in content["images"])


def list_left_out(mark: str) -> frozenset[str]:
    """The names of the images that a spec leaves out. Raises `DataError`."""
    return frozenset(image.name for image in read_list(mark))


def count_left_out(mark: str) -> Counter[tuple[str, int]]:
    """How many images a list leaves out, by the part that they stood in and their class. Raises `DataError`."""
    return Counter((image.part, image.label) for image in read_list(mark))


def _write(path: Path, content: dict[str, Any]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, content)
    except OSError as error:
        raise DataError(f"The note cannot be kept in {path.parent}: {error.strerror}.") from error


def _describe(spec: DataSpec) -> str:
    """The set that notes are about, whatever is made of it."""
    if not spec.has_path:
        return spec.dataset
    return f"{spec.dataset} {_pack(os.path.abspath(os.path.expanduser(spec.folder)))}"


def _identify(spec: DataSpec) -> str:
    described = _describe(spec)
    stem = re.sub(r"[^A-Za-z0-9]+", "-", described.rstrip("/").rpartition("/")[2]).strip("-")[:40] or "set"
    return f"{stem}-{hashlib.sha256(described.encode()).hexdigest()[:12]}"


def _notes_file(spec: DataSpec) -> Path:
    return data_folder() / "notes" / f"{_identify(spec)}.json"


def _list_file(mark: str) -> Path:
    return data_folder() / "notes" / "left-out" / f"{mark}.json"


def _pack(name: str) -> str:
    """A name on a disk, which need not be text, as text that can be written."""
    return quote(os.fsencode(name), safe="/ .,-_()")


def _unpack(text: str) -> str:
    return os.fsdecode(unquote(text, "latin-1").encode("latin-1"))
