"""Everything that comes in by one way: zips of this lab, and the files of other tools."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.data.archives import show_name
from core.export.archive.unpack import Imported, import_runs, is_own_archive, list_archive
from core.export.formats import Report
from core.imports.read import read_path
from core.imports.staging import Upload, is_zip, staged
from core.imports.table import TableColumns
from core.imports.values import Found, ImportFilesError
from core.system.errors import LabError


@dataclass(frozen=True)
class Brought:
    """What came in: runs of this lab, which are kept already or only listed, and what was found of other tools."""

    own: list[Imported] = field(default_factory=list)
    found: Found = field(default_factory=lambda: Found(()))
    problem: str = ""  # of an archive that was refused after others had come in


def bring_in(
    uploads: Sequence[Upload],
    report: Report | None = None,
    *,
    columns: TableColumns | None = None,
    started_by: str = "",
    dry: bool = False,
) -> Brought:
    """Imports the archives of this lab among the files, and reads the others without keeping anything of them.

    `dry` only tells what would become of the archives. After one that is refused, none of the next comes in. Raises
    BundleError, ImportFilesError, RunsFolderError.
    """
    own, others = _part(uploads)
    found = Found(())
    if others:
        with staged(others) as folder:
            found = read_path(folder, columns=columns)
    brought = _import_own(own, report, started_by=started_by, dry=dry, is_alone=not others)
    return replace(brought, found=found)


def bring_own(uploads: Sequence[Upload], report: Report | None = None, *, started_by: str = "") -> Brought:
    """Imports the archives of this lab among the files. Raises BundleError, RunsFolderError."""
    return _import_own(_part(uploads)[0], report, started_by=started_by)


def _part(uploads: Sequence[Upload]) -> tuple[list[Upload], list[Upload]]:
    """The archives of this lab, and the other files."""
    own = []
    for name, content in uploads:
        try:
            own.append(is_zip(name, content) and is_own_archive(content))
        except LabError as error:
            if len(uploads) == 1:
                raise
            raise ImportFilesError(f"{show_name(name)}: {error}") from error
    parts = list(zip(uploads, own, strict=True))
    return [upload for upload, is_own in parts if is_own], [upload for upload, is_own in parts if not is_own]


def _import_own(
    uploads: Sequence[Upload],
    report: Report | None,
    *,
    started_by: str = "",
    dry: bool = False,
    is_alone: bool = True,
) -> Brought:
    taken: list[Imported] = []
    for name, content in uploads:
        try:
            taken += list_archive(content) if dry else import_runs(content, report, started_by=started_by)
        except LabError as error:
            if is_alone and not taken:
                raise
            return Brought(taken, problem=f"{show_name(name)}: {error}")
    return Brought(taken)


def bring_in_path(path: Path, *, columns: TableColumns | None = None, dry: bool = False) -> Brought:
    """The same of a file or folder on this machine."""
    if path.is_dir():
        return Brought(found=read_path(path, columns=columns))
    with ExitStack() as stack:
        try:
            file = stack.enter_context(open(path, "rb"))
        except FileNotFoundError:
            raise ImportFilesError("There is no such file.") from None
        except OSError as error:
            raise ImportFilesError(f"It cannot be read: {error.strerror}.") from error
        if is_zip(path.name, file):
            return bring_in([(path.name, file)], columns=columns, dry=dry)
    return Brought(found=read_path(path, columns=columns))
