"""Imports an archive of runs, which may be anything: nothing in it is trusted.

The archive is checked before a byte is unpacked, then unpacked into a temporary folder while every hash is checked. Its
files are read as data, never as code. Only then does a run appear, whole, by one rename. A refusal leaves no trace.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from core.data.archives import DAMAGE, check_archive, extract_member, open_archive, show_name
from core.export.archive.checks import MAX_JSON_BYTES, check_run, check_shape, read_strict
from core.export.archive.pack import (
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
from core.imports.staging import make_temporary
from core.runs import branches, layout
from core.runs.folder import Run
from core.runs.store import adopt_folder, ensure_folder, open_run
from core.system import files
from core.system.folders import ID_PATTERN
from core.system.locks import hold

MAX_MEMBERS = 100 * MAX_RUNS
_LOCK = ".import.lock"
# What tells two runs of one id apart; names, notes and logs do not.
_RESULTS = re.compile(
    r"(spec|end|foreign)\.json|metrics\.jsonl|series\.bin|predictions/.*|checkpoints/.*\.(safetensors|pt)"
)


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

    @property
    def forecast(self) -> str:
        """The same before it is imported."""
        match self.outcome:
            case "here":
                return f"{self.name} is already here."
            case "copy":
                return f"{self.name} is a run of a lab, {self.state}; it would get a new id, because its own is taken."
        return f"{self.name} is a run of a lab; it is {self.state}."


def import_runs(source: Path | IO[bytes], report: Report | None = None, *, started_by: str = "") -> list[Imported]:
    """Imports all runs of an archive, for the person `started_by`. `report` gets the bytes unpacked and the total.

    Raises BundleError with a sentence, RunsFolderError if the runs folder cannot be used.
    """
    folder = ensure_folder()
    try:
        with _open_source(source) as file, open_archive(file, BundleError) as archive:
            size = file.seek(0, os.SEEK_END)
            members = check_archive(archive, size, folder, BundleError, max_members=MAX_MEMBERS, belongs=_belongs)
            manifest = _read_manifest(archive, members)
            with hold(folder / _LOCK), make_temporary(folder) as temporary:
                _unpack(archive, members, manifest, temporary, started_by, report)
                return _publish_all(temporary, manifest.runs)
    except DAMAGE as error:
        shown = (str(error) or type(error).__name__)[:200].rstrip(".")
        raise BundleError(f"The file is damaged or only part of an archive: {shown}.") from error
    except OSError as error:
        raise BundleError(f"It could not be read or written: {error.strerror or error}.") from error


def is_own_archive(file: IO[bytes]) -> bool:
    """Whether a zip was exported by a lab. Raises BundleError if it is none, or only part of one."""
    file.seek(0)
    with open_archive(file, BundleError) as archive:
        listed = {member.orig_filename for member in archive.infolist()}
    return any(name != MANIFEST and _belongs(name) for name in listed)


def list_archive(file: IO[bytes]) -> list[Imported]:
    """What would become of each run of a lab's archive; nothing of it is unpacked. Raises BundleError."""
    try:
        with open_archive(file, BundleError) as archive:
            size = file.seek(0, os.SEEK_END)
            folder = ensure_folder()
            members = check_archive(archive, size, folder, BundleError, max_members=MAX_MEMBERS, belongs=_belongs)
            return [_foresee(packed) for packed in _read_manifest(archive, members).runs]
    except DAMAGE as error:
        raise BundleError(f"The file is damaged or only part of an archive: {error}.") from error


@contextmanager
def _open_source(source: Path | IO[bytes]) -> Iterator[IO[bytes]]:
    if not isinstance(source, Path):
        yield source
        return
    if not source.is_file():
        raise BundleError("This is no file." if source.exists() else "There is no such file.")
    with open(source, "rb") as file:
        yield file


# The archive, before anything of it is unpacked ---------------------------------------------------------------------


def _belongs(name: str) -> bool:
    """Whether a name is that of a run's file, or, as other programs pack them, of a run's folder."""
    run_id, _, inner = name.partition("/")
    if name == MANIFEST:
        return True
    is_folder = inner in ("", f"{layout.CHECKPOINTS}/", f"{layout.PREDICTIONS}/") and name.endswith("/")
    return bool(ID_PATTERN.fullmatch(run_id) and (is_folder or MEMBERS.fullmatch(inner)))


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
        raise BundleError(f"{show_name(name)} {what}.")
    return manifest


# Unpacking into a temporary folder ---------------------------------------------------------------------------------


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
            sha256, size = extract_member(archive, member, folder / name, BundleError)
            if (sha256, size) != (wanted.sha256, wanted.bytes):
                raise BundleError(f"{name} is damaged: its SHA-256 is not the one that was recorded at the export.")
            done += size
            if report:
                report(done, total)
        check_run(folder, {name: member.sha256 for name, member in packed.files.items()}, started_by)


# Publishing ---------------------------------------------------------------------------------------------------------


def _publish_all(temporary: Path, runs: Sequence[PackedRun]) -> list[Imported]:
    """Parents first, so that a branch names its own by the id that it has here."""
    here: dict[str, str] = {}
    published: dict[str, Imported] = {}
    for packed in sorted(runs, key=lambda packed: branches.count_parents(temporary / packed.id)):
        branches.rename_parents(temporary / packed.id, here)
        imported = published[packed.id] = _publish(temporary / packed.id, packed)
        here[packed.id] = imported.id
    return [published[packed.id] for packed in runs]


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


def _foresee(packed: PackedRun) -> Imported:
    """What `_publish` would make of a run."""
    if here := _find_same(packed, _describe_results(packed)):
        return Imported(here.id, packed.id, here.about.name, here.state(), "here")
    is_taken = (ensure_folder() / packed.id).exists()
    return Imported("" if is_taken else packed.id, packed.id, packed.name, packed.state, "copy" if is_taken else "new")


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
