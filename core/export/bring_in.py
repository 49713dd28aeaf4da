"""Everything that comes in by one way: zips of this lab, and the files of other tools."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from core.data.archives import show_name
from core.export.archive.pack import PackedRun
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
    listed: list[PackedRun] = field(default_factory=list)
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

    `dry` only lists what the archives hold. After one that is refused, none of the next comes in. Raises BundleError,
    ImportFilesError, RunsFolderError.
    """
    own = [is_zip(name, content) and is_own_archive(content) for name, content in uploads]
    others = [upload for upload, is_own in zip(uploads, own, strict=True) if not is_own]
    found = Found(())
    if others:
        with staged(others) as folder:
            found = read_path(folder, columns=columns)
    taken: list[Imported] = []
    listed: list[PackedRun] = []
    for (name, content), is_own in zip(uploads, own, strict=True):
        try:
            if is_own and dry:
                listed += list_archive(content)
            elif is_own:
                taken += import_runs(content, report, started_by=started_by)
        except LabError as error:
            if not (taken or listed or others):
                raise
            return Brought(taken, listed, found, f"{show_name(name)}: {error}")
    return Brought(taken, listed, found)


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
