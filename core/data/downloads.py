"""Fetching a data set: downloaded and unpacked in a temporary folder, verified, renamed; progress goes to a file."""

from __future__ import annotations

import gzip
import hashlib
import ipaddress
import os
import tarfile
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Literal
from urllib.parse import urljoin, urlsplit

from core.data.catalogue import DATASETS, Download
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
from core.spec import CHOICE_LABELS
from core.system.child import start_process
from core.system.files import find_note, write_json
from core.system.processes import identify

ReportBytes = Callable[[int, int], None]  # called with the bytes that have arrived and their total

# Another address that holds the same archives, by their own names; what arrives is verified as ever.
MIRROR = "RESNET_LAB_MIRROR"
_CHUNK_BYTES = 1 << 18
_REPORT_SECONDS = 0.2
_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class DownloadProgress:
    """How far a download is, in bytes; `error` is a sentence if it failed."""

    state: Literal["running", "failed", "done"]
    done: int
    total: int
    error: str


def find_download(name: str) -> Download:
    """How a data set is fetched, by the address that `MIRROR` leads to if it is set.

    Raises `DataError` for a name that is unknown, or not of a download.
    """
    downloads = {known: entry.download for known, entry in DATASETS.items() if entry.download}
    if name not in downloads:
        raise DataError(f"There is no data set {name!r} to download; there are {', '.join(downloads)}.")
    wanted, mirror = downloads[name], os.environ.get(MIRROR, "").strip()
    return replace(wanted, url=f"{mirror.rstrip('/')}/{name_archive(wanted)}") if mirror else wanted


def name_archive(wanted: Download) -> str:
    return wanted.url.rpartition("/")[2]


def find_by_archive(file: IO[bytes]) -> str | None:
    """The data set whose archive this is, by its SHA-256; None for any other file."""
    size = file.seek(0, os.SEEK_END)
    fitting = {name: entry.download for name, entry in DATASETS.items() if entry.download}
    if size not in [wanted.archive_bytes for wanted in fitting.values()]:
        return None
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk)
    found = f"sha256:{digest.hexdigest()}"
    return next((name for name, wanted in fitting.items() if wanted.archive_hash == found), None)


def take_archive(name: str, file: IO[bytes]) -> Path:
    """Unpacks a data set's archive that was fetched elsewhere, if it is the very same file. Raises `DataError`."""
    wanted = find_download(name)
    folder = folder_of(name)
    with lock_for(name):
        if folder.is_dir():
            return folder
        if find_by_archive(file) != name:
            raise DataError(
                f"This is not the archive of {wanted.title}: its SHA-256 is another than that of "
                f"{name_archive(wanted)}. Nothing was kept."
            )
        file.seek(0)
        try:
            with temporary_folder(name) as temporary:
                _unpack(wanted, file, temporary / "unpacked")
                (temporary / "unpacked").rename(folder)
        except OSError as error:
            raise DataError(f"{wanted.title} cannot be kept in {data_folder()}: {error.strerror or error}.") from error
    return folder


def download(name: str, report: ReportBytes = lambda done, total: None) -> Path:
    """Fetches, verifies and unpacks a data set, unless it is there already; `report(done, total)` counts bytes.

    A second caller waits for the first. Raises `DataError`; nothing half done is left behind, so the next call starts
    cleanly.
    """
    wanted = find_download(name)
    _refuse_insecure(wanted.url)
    folder = folder_of(name)
    with lock_for(name):
        if folder.is_dir():
            report(wanted.archive_bytes, wanted.archive_bytes)
            return folder
        progress = _Progress(wanted, report)
        try:
            with temporary_folder(name) as temporary:
                with open(_fetch(wanted, temporary, progress), "rb") as archive:
                    _unpack(wanted, archive, temporary / "unpacked")
                (temporary / "unpacked").rename(folder)
        except OSError as error:
            sentence = f"{wanted.title} cannot be kept in {data_folder()}: {error.strerror or error}."
            progress.write("failed", sentence)
            raise DataError(sentence) from error
        except BaseException as error:
            progress.write("failed", str(error) if isinstance(error, DataError) else "The download was stopped.")
            raise
        progress.write("done")
    return folder


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
    note = {"state": "starting", "pid": pid, "done": 0, "total": wanted.archive_bytes, "error": ""}
    if not is_held(name):
        write_json(_progress_file(name), note, sync=False)


def read_download(name: str) -> DownloadProgress | None:
    """How the latest download goes or went; None if there was none."""
    entry = DATASETS.get(name)
    note = find_note(_progress_file(name)) if entry and entry.download else None
    if note is None:
        return None
    total = find_download(name).archive_bytes
    done = min(int(note.get("done") or 0), total)
    state = note.get("state")
    if folder_of(name).is_dir():
        return DownloadProgress("done", total, total, "")
    if state == "done":
        return None  # deleted since
    if state == "failed":
        return DownloadProgress("failed", done, total, str(note.get("error")))
    if is_held(name) or (state == "starting" and identify(int(note.get("pid") or 0))):
        return DownloadProgress("running", done, total, "")
    return DownloadProgress("failed", done, total, "The download ended before it was complete; start it again.")


def delete_dataset(name: str) -> bool:
    """Removes a downloaded data set from the disk; False if it is not there.

    Raises `DataError` if it is built in or being downloaded.
    """
    if name in DATASETS and not DATASETS[name].download:
        raise DataError(f"{CHOICE_LABELS[name]}: only a data set that was downloaded can be deleted.")
    title = find_download(name).title
    lock = try_lock(name)
    if lock is None:
        raise DataError(f"{title} is being downloaded; wait until that has ended.")
    with lock, temporary_folder(name) as temporary:
        is_there = folder_of(name).is_dir()
        if is_there:
            folder_of(name).rename(temporary / "deleted")  # gone at once, however long the removal takes
        _progress_file(name).unlink(missing_ok=True)
    return is_there


def _download_command(name: str) -> list[str]:
    return ["core", "data", "download", name, "--quiet"]


def _progress_file(name: str) -> Path:
    return work_folder() / f"{name}.json"


class _Progress:
    """Counts bytes for pooch, which needs `total`, `update`, `reset` and `close`; reports to caller and file."""

    def __init__(self, wanted: Download, report: ReportBytes) -> None:
        self.wanted, self.report = wanted, report
        self.total, self.done, self._reported = wanted.archive_bytes, 0, 0.0
        self.write("running")

    def update(self, size: int) -> None:
        if self.done > self.wanted.archive_bytes + _CHUNK_BYTES:
            raise DataError(f"{self.wanted.title}: the server sends more than the archive; nothing was kept.")
        self.done += size
        if time.monotonic() - self._reported >= _REPORT_SECONDS:
            self.write("running")

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        self.write("running")

    def write(self, state: str, error: str = "") -> None:
        self._reported = time.monotonic()
        done, total = min(self.done, self.wanted.archive_bytes), self.wanted.archive_bytes
        note = {"state": state, "pid": os.getpid(), "done": done, "total": total, "error": error}
        with suppress(OSError):  # a full disk; the download itself says so
            write_json(_progress_file(self.wanted.name), note, sync=False)
        self.report(done, total)


def _refuse_insecure(url: str) -> None:
    """https only; http is allowed to this machine itself, for the tests' server."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return
    try:
        local = parts.scheme == "http" and ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        local = False
    if not local:
        raise DataError(f"{url} is not fetched: only https is allowed.")


def _check_redirect(response: Any, *args: Any, **kwargs: Any) -> None:
    if response.is_redirect:
        _refuse_insecure(urljoin(response.url, response.headers["location"]))


def _fetch(wanted: Download, temporary: Path, progress: _Progress) -> Path:
    """The verified archive. Raises `DataError`."""
    import pooch  # imports requests: a quarter of a second that a page need not wait for
    from requests.exceptions import ConnectionError, HTTPError, RequestException, Timeout

    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(
        progressbar=progress, chunk_size=_CHUNK_BYTES, timeout=_TIMEOUT_SECONDS, hooks={"response": _check_redirect}
    )
    try:
        return Path(pooch.retrieve(wanted.url, wanted.archive_hash, "archive.tar.gz", temporary, downloader=downloader))
    except ValueError as error:
        if isinstance(error, RequestException):
            raise DataError(f"{wanted.title} cannot be fetched from {wanted.url}: {error}.") from error
        raise DataError(
            f"{wanted.title} arrived damaged: its checksum is wrong. Nothing was kept; try again."
        ) from error
    except HTTPError as error:
        status = error.response.status_code if error.response is not None else "an error"
        raise DataError(f"{wanted.url} answers {status}; try again later.") from error
    except (ConnectionError, Timeout) as error:
        host = urlsplit(wanted.url).hostname
        raise DataError(
            f"{wanted.title}: the connection to {host} failed or was cut. Nothing was kept; try again."
        ) from error
    except RequestException as error:
        raise DataError(f"{wanted.title}: the download was cut. Nothing was kept; try again.") from error


def _unpack(wanted: Download, archive: IO[bytes], folder: Path) -> None:
    try:
        with tarfile.open(fileobj=archive) as content:
            content.extractall(folder, filter="data")
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise DataError(f"{wanted.title}: the archive cannot be unpacked: {error}.") from error
    missing = [name for name in wanted.files if not (folder / name).is_file()]
    if missing:
        raise DataError(f"{wanted.title}: the archive lacks {missing[0]}.")
