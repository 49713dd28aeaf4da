"""Fetching a data set: files arrive verified, are unpacked in a temporary folder, renamed; progress is in a file."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import tarfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Literal

from core.data.catalogue import DATASETS, Archive, Download
from core.data.store import (
    DataError,
    data_folder,
    folder_of,
    is_held,
    lock_for,
    temporary_folder,
    try_lock,
    work_folder,
)
from core.data.transfer import Part, receive, refuse_insecure
from core.spec import CHOICE_LABELS
from core.system.child import start_process
from core.system.files import find_note, write_json
from core.system.processes import identify
from core.text.words import count_of, join_words

ReportBytes = Callable[[int, int], None]  # called with the bytes that have arrived and their total

# Another address that holds the same archives, by their own names; what arrives is verified as ever.
MIRROR = "RESNET_LAB_MIRROR"
_CHUNK_BYTES = 1 << 18
_REPORT_SECONDS = 0.2


@dataclass(frozen=True)
class DownloadProgress:
    """How far a download is, in bytes; `error` is a sentence if it failed, and `done` what is kept of it then."""

    state: Literal["running", "failed", "done"]
    done: int
    total: int
    error: str


def find_download(name: str) -> Download:
    """How a data set is fetched, by the addresses that `MIRROR` leads to if it is set.

    Raises `DataError` for a name that is unknown, or not of a download.
    """
    downloads = {known: entry.download for known, entry in DATASETS.items() if entry.download}
    if name not in downloads:
        raise DataError(f"There is no data set {name!r} to download; there are {', '.join(downloads)}.")
    wanted, mirror = downloads[name], os.environ.get(MIRROR, "").strip().rstrip("/")
    if not mirror:
        return wanted
    return replace(wanted, archives=tuple(replace(each, url=f"{mirror}/{each.name}") for each in wanted.archives))


def find_by_archive(file: IO[bytes]) -> str | None:
    """The data set of whose archives this is one, by its SHA-256; None for any other file."""
    known = [(name, each) for name, entry in DATASETS.items() if entry.download for each in entry.download.archives]
    size = file.seek(0, os.SEEK_END)
    if size not in [archive.num_bytes for _, archive in known]:
        return None
    digest = _digest(file)
    return next((name for name, archive in known if archive.sha256 == digest), None)


def _digest(file: IO[bytes]) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def take_archives(name: str, files: Sequence[IO[bytes]]) -> Path:
    """Makes a data set of its archives that were fetched elsewhere, if they are the very same files.

    Raises `DataError`.
    """
    wanted = find_download(name)
    folder = folder_of(name)
    with lock_for(name):
        if folder.is_dir():
            return folder
        found = {_digest(file): file for file in files}
        names = {archive.sha256: archive.name for archive in wanted.archives}
        if set(found) - set(names):
            own = join_words(list(names.values()), "or")
            raise DataError(
                f"This is not the archive of {wanted.title}: its SHA-256 is another than that of {own}. "
                "Nothing was kept."
            )
        if missing := [own for digest, own in names.items() if digest not in found]:
            raise DataError(
                f"{wanted.title} comes in {count_of(len(names), 'file')}: name {join_words(missing)} too. "
                "Nothing was kept."
            )
        with _told(wanted):
            _make(wanted, [found[archive.sha256] for archive in wanted.archives])
    return folder


@contextmanager
def _told(wanted: Download) -> Iterator[None]:
    """What the disk refuses, as a sentence."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{wanted.title} cannot be kept in {data_folder()}: {error.strerror or error}.") from error


def download(name: str, report: ReportBytes = lambda done, total: None) -> Path:
    """Fetches, verifies and unpacks a data set, unless it is there already; `report(done, total)` counts bytes.

    A second caller waits for the first. Raises `DataError`. What arrived before it broke is kept beside the sets, for
    the next call to go on from; a set is there as a whole or not at all.
    """
    wanted = find_download(name)
    for archive in wanted.archives:
        refuse_insecure(archive.url)
    folder = folder_of(name)
    with lock_for(name):
        if folder.is_dir():
            report(wanted.num_bytes, wanted.num_bytes)
            return folder
        progress = _Progress(wanted, report)
        try:
            with _told(wanted):
                _make_of_parts(wanted, progress)
        except BaseException as error:
            progress.write("failed", str(error) if isinstance(error, DataError) else "The download was stopped.")
            raise
        progress.write("done")
    return folder


def _make_of_parts(wanted: Download, progress: _Progress) -> None:
    kept = _parts_folder(wanted.name)
    kept.mkdir(exist_ok=True)
    try:
        paths = [
            receive(Part(archive, kept, progress.count_from(wanted.archives[:number])), wanted.title)
            for number, archive in enumerate(wanted.archives)
        ]
    except BaseException:
        if not _count_kept(wanted):
            shutil.rmtree(kept, ignore_errors=True)
        raise
    try:
        with ExitStack() as opened:
            _make(wanted, [opened.enter_context(path.open("rb")) for path in paths])
    finally:
        shutil.rmtree(kept, ignore_errors=True)


def _parts_folder(name: str) -> Path:
    """Where what has arrived of a set lies until all of it is there."""
    return work_folder() / f"{name}.download"


def start_download(name: str) -> None:
    """Downloads in a process of its own, which outlives this one; does nothing if one is already running."""
    wanted = find_download(name)
    progress = read_download(name)
    if folder_of(name).is_dir() or (progress and progress.state == "running"):
        return
    log_path = work_folder() / f"{name}.log"
    log_path.unlink(missing_ok=True)
    environment = {**os.environ, "RESNET_LAB_DATA": str(data_folder())}
    pid = start_process(_download_command(name), log_path, environment)
    # Only until the new process holds the lock and writes the file itself.
    kept = _count_kept(wanted)
    note = {"state": "starting", "pid": pid, "done": kept, "total": wanted.num_bytes, "error": ""}
    if not is_held(name):
        write_json(_progress_file(name), note, sync=False)


def read_download(name: str) -> DownloadProgress | None:
    """How the latest download goes or went; None if there was none."""
    wanted = DATASETS[name].download if name in DATASETS else None
    note = find_note(_progress_file(name)) if wanted else None
    if wanted is None or note is None:
        return None
    total, kept = wanted.num_bytes, _count_kept(wanted)
    done = min(int(note.get("done") or 0), total)
    state = note.get("state")
    if folder_of(name).is_dir():
        return DownloadProgress("done", total, total, "")
    if state == "done":
        return None  # deleted since
    if state == "failed":
        return DownloadProgress("failed", kept, total, str(note.get("error")))
    if is_held(name) or (state == "starting" and identify(int(note.get("pid") or 0))):
        return DownloadProgress("running", done, total, "")
    return DownloadProgress("failed", kept, total, "The download ended before it was complete; start it again.")


def _count_kept(wanted: Download) -> int:
    """Bytes that have arrived of a set that is not there as a whole."""
    folder = _parts_folder(wanted.name)
    return sum(Part(archive, folder).done for archive in wanted.archives)


@contextmanager
def _alone(wanted: Download) -> Iterator[None]:
    """Raises `DataError` while the set is being downloaded."""
    lock = try_lock(wanted.name)
    if lock is None:
        raise DataError(f"{wanted.title} is being downloaded; wait until that has ended.")
    with lock:
        yield


def delete_dataset(name: str) -> bool:
    """Removes a downloaded data set, or what arrived of one, from the disk; False if there is nothing of it.

    Raises `DataError` if it is built in or being downloaded.
    """
    if name in DATASETS and not DATASETS[name].download:
        raise DataError(f"{CHOICE_LABELS[name]}: only a data set that was downloaded can be deleted.")
    wanted = find_download(name)
    with _alone(wanted), temporary_folder(name) as temporary:
        is_there = folder_of(name).is_dir()
        if is_there:
            folder_of(name).rename(temporary / "deleted")  # gone at once, however long the removal takes
        is_there = is_there or _count_kept(wanted) > 0
        shutil.rmtree(_parts_folder(name), ignore_errors=True)
        _progress_file(name).unlink(missing_ok=True)
    return is_there


def _download_command(name: str) -> list[str]:
    return ["core", "data", "download", name, "--quiet"]


def _progress_file(name: str) -> Path:
    return work_folder() / f"{name}.json"


class _Progress:
    """Tells caller and file how many bytes have arrived."""

    def __init__(self, wanted: Download, report: ReportBytes) -> None:
        self.wanted, self.report = wanted, report
        self.done, self._reported = _count_kept(wanted), 0.0
        self.write("running")

    def count_from(self, before: Sequence[Archive]) -> Callable[[int], None]:
        """Counts the bytes of the file that comes after these."""
        first = sum(archive.num_bytes for archive in before)

        def count(done: int) -> None:
            self.done = first + done
            if time.monotonic() - self._reported >= _REPORT_SECONDS:
                self.write("running")

        return count

    def write(self, state: str, error: str = "") -> None:
        self._reported = time.monotonic()
        total = self.wanted.num_bytes
        self.done = total if state == "done" else min(self.done, total)
        note = {"state": state, "pid": os.getpid(), "done": self.done, "total": total, "error": error}
        with suppress(OSError):  # a full disk; the download itself says so
            write_json(_progress_file(self.wanted.name), note, sync=False)
        self.report(self.done, total)


def _make(wanted: Download, files: Sequence[IO[bytes]]) -> None:
    """The set's folder of its verified archives, in their order."""
    with temporary_folder(wanted.name) as temporary:
        _unpack(wanted, files, temporary / "unpacked")
        (temporary / "unpacked").rename(folder_of(wanted.name))


def _unpack(wanted: Download, files: Sequence[IO[bytes]], folder: Path) -> None:
    for archive, file in zip(wanted.archives, files, strict=True):
        file.seek(0)
        place = folder / archive.into
        place.mkdir(parents=True, exist_ok=True)
        try:
            if archive.name.endswith(".tar.gz"):
                with tarfile.open(fileobj=file) as content:
                    content.extractall(place, filter="data")
            else:
                is_packed = archive.name.endswith(".gz")
                with (
                    gzip.open(file) if is_packed else nullcontext(file) as plain,
                    (place / archive.name.removesuffix(".gz")).open("wb") as target,
                ):
                    shutil.copyfileobj(plain, target, _CHUNK_BYTES)
        except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise DataError(f"{wanted.title}: the archive cannot be unpacked: {error}.") from error
    missing = [name for name in wanted.files if not (folder / name).is_file()]
    if missing:
        raise DataError(f"{wanted.title}: the archive lacks {missing[0]}.")
