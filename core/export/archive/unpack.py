"""Imports an archive of runs, which may be anything: nothing in it is trusted.

The archive is checked before a byte is unpacked, then unpacked into a temporary folder while every hash is checked. Its
files are read as data, never as code. Only then does a run appear, whole, by one rename. A refusal leaves no trace.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import stat
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from core.export.archive.checks import MAX_JSON_BYTES, check_run, check_shape, read_strict
from core.export.archive.pack import (
    CHUNK,
    FORMAT,
    MANIFEST,
    MAX_RUNS,
    MEMBERS,
    BundleError,
    Manifest,
    Member,
    PackedRun,
)
from core.export.formats import Report
from core.runs import layout
from core.runs.folder import Run
from core.runs.store import adopt_folder, ensure_folder, open_run
from core.system import files
from core.system.folders import ID_PATTERN
from core.system.locks import hold
from core.system.safe_zip import MAX_DIRECTORY_BYTES, BoundedFile
from core.text.safe import plain

MAX_MEMBERS = 100 * MAX_RUNS
# What unpacks to more than this and so many times the archive's size is a bomb; JSON lines shrink tenfold at most.
FREE_BYTES, MAX_RATIO = 64_000_000, 20
SPARE_BYTES = 100_000_000  # of the disk, left alone
LEFTOVER_SECONDS = 86_400
_TEMPORARY, _LOCK = ".import-", ".import.lock"
# What tells two runs of one id apart; names, notes and logs do not.
_RESULTS = re.compile(r"spec\.json|metrics\.jsonl|end\.json|predictions/.*|checkpoints/.*\.pt")
# What Python's reader of archives raises for one that is damaged.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, RuntimeError, OverflowError)


@dataclass(frozen=True)
class Imported:
    """What became of one run of an archive: `new`, already `here`, or a `copy` under an id of its own."""

    id: str
    origin: str  # the id it had where it came from
    name: str
    state: str
    outcome: Literal["new", "here", "copy"]

    @property
    def sentence(self) -> str:
        match self.outcome:
            case "here":
                return f"{self.name} is already here."
            case "copy":
                return f"{self.name} was imported as {self.id}, because another run has the id {self.origin}."
        return f"{self.name} was imported; it is {self.state}."


def import_runs(source: Path | IO[bytes], report: Report | None = None, *, started_by: str = "") -> list[Imported]:
    """Imports all runs of an archive, for the person `started_by`. `report` gets the bytes unpacked and the total.

    Raises BundleError with a sentence, RunsFolderError if the runs folder cannot be used.
    """
    folder = ensure_folder()
    try:
        with _open_source(source) as file, _open_archive(file) as archive:
            members = _check_archive(archive, file.seek(0, os.SEEK_END), folder)
            manifest = _read_manifest(archive, members)
            with hold(folder / _LOCK), _make_temporary(folder) as temporary:
                _unpack(archive, members, manifest, temporary, started_by, report)
                return [_publish(temporary / packed.id, packed) for packed in manifest.runs]
    except _DAMAGE as error:
        shown = (str(error) or type(error).__name__)[:200].rstrip(".")
        raise BundleError(f"The file is damaged or only part of an archive: {shown}.") from error
    except OSError as error:
        raise BundleError(f"It could not be read or written: {error.strerror or error}.") from error


@contextmanager
def _open_source(source: Path | IO[bytes]) -> Iterator[IO[bytes]]:
    if not isinstance(source, Path):
        yield source
        return
    if not source.is_file():
        raise BundleError("This is no file." if source.exists() else "There is no such file.")
    with open(source, "rb") as file:
        yield file


def _open_archive(file: IO[bytes]) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(BoundedFile(file, MAX_DIRECTORY_BYTES, BundleError))
    except (*_DAMAGE, OSError) as error:
        raise BundleError("This is no zip archive, or only part of one.") from error


# The archive, before anything of it is unpacked ---------------------------------------------------------------------


def _check_archive(archive: zipfile.ZipFile, size: int, folder: Path) -> dict[str, zipfile.ZipInfo]:
    """The members by name, folders left out. Raises BundleError for whatever our own archives never are."""
    listed = archive.infolist()
    if len(listed) > MAX_MEMBERS:
        raise BundleError(f"The archive holds {len(listed):,} files; at most {MAX_MEMBERS:,} can belong to runs.")
    members: dict[str, zipfile.ZipInfo] = {}
    folded: set[str] = set()
    for member in listed:
        # The name as written: the reader cuts it off at a NUL.
        name = member.orig_filename
        _check_member(member, name)
        if name.casefold() in folded:
            raise BundleError(f"The archive holds {_show(name)} twice.")
        folded.add(name.casefold())
        if not name.endswith("/"):
            members[name] = member
    _check_sizes(listed, size, folder)
    return members


def _check_member(member: zipfile.ZipInfo, name: str) -> None:
    if "\0" in name or "\\" in name or name.startswith("/") or ".." in name.split("/") or name[1:2] == ":":
        raise BundleError(f"The archive names a path outside of its own folder: {_show(name)}.")
    mode = stat.S_IFMT(member.external_attr >> 16)
    if mode not in (0, stat.S_IFDIR if name.endswith("/") else stat.S_IFREG):
        raise BundleError(f"The archive holds a link or special file: {_show(name)}.")
    if member.flag_bits & 0x41:
        raise BundleError("The archive is encrypted.")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BundleError(f"{_show(name)} is compressed in a way that is not read here.")
    if not _belongs(name) or (name.endswith("/") and member.file_size):
        raise BundleError(f"The archive holds something that belongs to no run: {_show(name)}.")


def _belongs(name: str) -> bool:
    """Whether a name is that of a run's file, or, as other programs pack them, of a run's folder."""
    run_id, _, inner = name.partition("/")
    if name == MANIFEST:
        return True
    is_folder = inner in ("", f"{layout.CHECKPOINTS}/", f"{layout.PREDICTIONS}/") and name.endswith("/")
    return bool(ID_PATTERN.fullmatch(run_id) and (is_folder or MEMBERS.fullmatch(inner)))


def _check_sizes(members: list[zipfile.ZipInfo], size: int, folder: Path) -> None:
    total = sum(member.file_size for member in members)
    if total > FREE_BYTES + MAX_RATIO * size:
        raise BundleError(f"The archive has {size / 1e6:,.1f} MB and would unpack to {total / 1e6:,.0f} MB: refused.")
    # 30 bytes of header and the name stand before every file's bytes.
    ends = 0
    for member in sorted(members, key=lambda each: each.header_offset):
        if member.header_offset < ends:
            raise BundleError("The archive's files overlap, as those of a bomb do.")
        ends = member.header_offset + 30 + len(member.orig_filename) + member.compress_size
    if ends > size:
        raise BundleError("This is no zip archive, or only part of one.")
    free = shutil.disk_usage(folder).free
    if total + SPARE_BYTES > free:
        raise BundleError(f"It needs {total / 1e6:,.0f} MB of disk space; {free / 1e6:,.0f} MB are free.")


def _show(name: str) -> str:
    """A name from outside for a sentence: short, and without control characters."""
    safe = plain(name)
    return safe if len(safe) <= 80 else f"{safe[:79]}…"


def _read_manifest(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo]) -> Manifest:
    """Raises BundleError unless it names exactly what the archive holds."""
    if MANIFEST not in members:
        raise BundleError(f"The archive holds no {MANIFEST}: it was not exported by this lab.")
    if members[MANIFEST].file_size > MAX_JSON_BYTES:
        raise BundleError(f"{MANIFEST} is larger than {MAX_JSON_BYTES // 1_000_000} MB.")
    value = read_strict(archive.read(members[MANIFEST]), MANIFEST)
    written = value.get("format")
    if isinstance(written, int) and written > FORMAT:
        raise BundleError(f"The archive was written by a newer lab (format {written}; this one reads {FORMAT}).")
    check_shape(Manifest, value, MANIFEST)
    manifest = Manifest.model_validate(value)
    named = [f"{packed.id}/{name}" for packed in manifest.runs for name in packed.files]
    if len(set(named)) != len(named):
        raise BundleError(f"{MANIFEST} names a run twice.")
    for name in set(named) ^ (set(members) - {MANIFEST}):
        what = "is missing from the archive" if name in named else f"is not named by {MANIFEST}"
        raise BundleError(f"{_show(name)} {what}.")
    return manifest


# Unpacking into a temporary folder ---------------------------------------------------------------------------------


@contextmanager
def _make_temporary(folder: Path) -> Iterator[Path]:
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


def _unpack(
    archive: zipfile.ZipFile,
    members: dict[str, zipfile.ZipInfo],
    manifest: Manifest,
    temporary: Path,
    started_by: str,
    report: Report | None,
) -> None:
    """Extracts every file with its hash checked, then checks every run."""
    total, done = sum(member.file_size for member in members.values()), 0
    for packed in manifest.runs:
        folder = temporary / packed.id
        for part in ("", layout.CHECKPOINTS, layout.PREDICTIONS):
            (folder / part).mkdir(exist_ok=True)
        for name, wanted in packed.files.items():
            member = members[f"{packed.id}/{name}"]
            sha256, size = _extract(archive, member, folder / name)
            if (sha256, size) != (wanted.sha256, wanted.bytes):
                raise BundleError(f"{name} is damaged: its SHA-256 is not the one that was recorded at the export.")
            done += size
            if report:
                report(done, total)
        check_run(folder, {name: member.sha256 for name, member in packed.files.items()}, started_by)


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> tuple[str, int]:
    """Writes one new file and returns its SHA-256 and size."""
    digest, size = hashlib.sha256(), 0
    with archive.open(member) as source, open(path, "xb") as target:
        while chunk := source.read(CHUNK):
            size += len(chunk)
            if size > member.file_size:
                raise BundleError(f"{_show(path.name)} is larger than the archive says.")
            digest.update(chunk)
            target.write(chunk)
    return digest.hexdigest(), size


# Publishing ---------------------------------------------------------------------------------------------------------


def _publish(folder: Path, packed: PackedRun) -> Imported:
    """Makes an unpacked run one of ours, unless it is one already."""
    results = _describe_results(packed)
    name = Run(folder).about.name
    if here := _find_same(packed, results):
        return Imported(here.id, packed.id, here.about.name, here.state(), "here")
    files.write_json(folder / layout.ORIGIN, {"id": packed.id, "results": results, "imported": time.time()})
    _sync(folder)
    run_id = adopt_folder(folder, packed.id)
    run = open_run(run_id)
    if run_id != packed.id:
        run.update_about(name=run_id if name == packed.id else f"{name[:180]} (imported)")
    return Imported(run_id, packed.id, run.about.name, run.state(), "new" if run_id == packed.id else "copy")


def _sync(folder: Path) -> None:
    """Puts all of a run on the disk before its name appears; removes empty folders."""
    for part in (layout.CHECKPOINTS, layout.PREDICTIONS, ""):
        inner = folder / part
        if part and not any(inner.iterdir()):
            inner.rmdir()
            continue
        for path in inner.iterdir():
            if path.is_file():
                with open(path, "rb") as file:
                    os.fsync(file.fileno())
        files.sync_folder(inner)


def _describe_results(packed: PackedRun) -> str:
    """One hash of all that makes the run's result."""
    lines = [f"{member.sha256} {name}" for name, member in sorted(packed.files.items()) if _RESULTS.fullmatch(name)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _find_same(packed: PackedRun, results: str) -> Run | None:
    """The run of this id if it holds these very results, else an earlier import of them."""
    folder = ensure_folder()
    path = folder / packed.id
    if not path.is_dir():
        return None
    wanted = {path / name: member for name, member in packed.files.items() if _RESULTS.fullmatch(name)}
    if all(_has(inner, member) for inner, member in wanted.items()):
        return Run(path)
    for known in sorted(folder.glob(f"[0-9]*/{layout.ORIGIN}")):
        with suppress(files.DamagedFileError, OSError):
            if files.read_json(known).get("results") == results and ID_PATTERN.fullmatch(known.parent.name):
                return Run(known.parent)
    return None


def _has(path: Path, member: Member) -> bool:
    with suppress(OSError), open(path, "rb") as file:
        same_size = os.fstat(file.fileno()).st_size == member.bytes
        return same_size and hashlib.file_digest(file, "sha256").hexdigest() == member.sha256
    return False
