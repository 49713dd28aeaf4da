"""Files that were uploaded, laid out in a folder as a reader takes them; zips are checked, then unpacked."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from core.data.archives import DAMAGE, check_archive, extract_member, open_archive, show_name
from core.imports.values import ImportFilesError
from core.runs.store import ensure_folder

UPLOAD = "The upload"  # what a sentence calls several files
MAX_FILES = 20_000
MAX_DEPTH, MAX_PART = 20, 120
LEFTOVER_SECONDS = 86_400
_TEMPORARY = ".import-"
_AGAIN = ".again-"
_IN_AGAIN = re.compile(r"(?:(?<=/)|^)\.again-[0-9]+(/|$)")
_ODD = re.compile(r"[\x00-\x1f\x7f<>:\"|?*]|[\ud800-\udfff]")
Upload = tuple[str, IO[bytes]]  # the name that its sender gave it, and what is in it


@contextmanager
def staged(uploads: Sequence[Upload]) -> Iterator[Path]:
    """The one file, unpacked if it is a zip, or a folder with all of them; gone at the end.

    Raises ImportFilesError, RunsFolderError.
    """
    try:
        with make_temporary(ensure_folder()) as temporary:
            root = temporary / UPLOAD
            root.mkdir()
            written = [_stage(name, content, root) for name, content in _list_different(uploads)]
            yield written[0] if len(written) == 1 else root
    except OSError as error:
        raise ImportFilesError(f"It could not be read or written: {error.strerror or error}.") from error


def _list_different(uploads: Sequence[Upload]) -> list[Upload]:
    """Without files that were chosen twice: the same name and the same bytes."""
    often = {name for name, count in Counter(name for name, _ in uploads).items() if count > 1}
    different: dict[tuple[str, str], Upload] = {}
    for number, (name, content) in enumerate(uploads):
        content.seek(0)
        what = hashlib.file_digest(content, "sha256").hexdigest() if name in often else str(number)  # type: ignore[arg-type]
        different.setdefault((name, what), (name, content))
    return list(different.values())


@contextmanager
def make_temporary(folder: Path) -> Iterator[Path]:
    """A folder beside the runs that nobody lists; gone at the end, and those that a crash left behind with it."""
    for path in folder.glob(f"{_TEMPORARY}*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > LEFTOVER_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
    temporary = folder / f"{_TEMPORARY}{secrets.token_hex(8)}"
    temporary.mkdir(mode=0o700)
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def is_zip(name: str, content: IO[bytes]) -> bool:
    """By its first bytes, or its name: what is called so and is none is told as damaged."""
    content.seek(0)
    return content.read(4) == b"PK\x03\x04" or name.lower().endswith(".zip")


def _stage(name: str, content: IO[bytes], folder: Path) -> Path:
    """Returns where it lies."""
    if is_zip(name, content):
        unpacked = _make_free(folder, [Path(name).stem or "zip"])
        _unpack(name, content, unpacked)
        return unpacked
    target = _make_free(folder, re.split(r"[/\\]", name))
    content.seek(0)
    with open(target, "xb") as file:
        shutil.copyfileobj(content, file)
    return target


def _unpack(name: str, content: IO[bytes], folder: Path) -> None:
    def refuse(sentence: str) -> ImportFilesError:
        return ImportFilesError(f"{show_name(name)}: {sentence[0].lower()}{sentence[1:]}")

    try:
        with open_archive(content, refuse) as archive:
            size = content.seek(0, os.SEEK_END)
            folder.mkdir()
            members = check_archive(archive, size, folder, refuse, max_members=MAX_FILES)
            # A zip of a folder is mostly called as the folder is: once is enough in the names of its runs.
            is_twice = all(path.startswith(f"{folder.name}/") for path in members)
            for path, member in members.items():
                parts = path.split("/")[is_twice:]
                extract_member(archive, member, _make_free(folder, parts), refuse)
    except DAMAGE as error:
        shown = (str(error) or type(error).__name__)[:200].rstrip(".")
        raise refuse(f"It is damaged or only part of an archive: {shown}.") from error


def _make_free(folder: Path, parts: Sequence[str]) -> Path:
    """A path below the folder that nothing has, with its parents; no part of a name leads out of it."""
    safe = [_ODD.sub("_", part)[-MAX_PART:] for part in parts if part.strip(". ")][-MAX_DEPTH:] or ["file"]
    parent = folder.joinpath(*safe[:-1])
    parent.mkdir(parents=True, exist_ok=True)
    target, number = parent / safe[-1], 1
    while os.path.lexists(target):  # a folder of its own, so that its name stays what its sender called it
        number += 1
        target = parent / f"{_AGAIN}{number}" / safe[-1]
    target.parent.mkdir(exist_ok=True)
    return target


def given_name(name: str) -> str:
    """The name that a file was sent with, of the one that it has in a folder of several files of that name."""
    return _IN_AGAIN.sub("", name)
