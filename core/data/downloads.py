"""Fetching CIFAR: to the side, verified, unpacked to the side, renamed; under a lock, with progress in a file."""

from __future__ import annotations

import gzip
import ipaddress
import os
import tarfile
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit

import psutil

from core.data.store import (
    DataError,
    data_folder,
    find_note,
    folder_of,
    is_held,
    lock_for,
    temporary_folder,
    try_lock,
    work_folder,
)
from core.system.child import start_process
from core.system.files import write_json

Report = Callable[[int, int], None]

_CHUNK_BYTES = 1 << 18
_REPORT_SECONDS = 0.2
_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Download:
    """What to fetch and what it must be: `archive_hash` as `sha256:...`, `files` what the archive must hold."""

    name: str
    title: str
    url: str
    archive_hash: str
    archive_bytes: int
    files: tuple[str, ...]


# SHA-256 as published with Keras, of the archives whose MD5 stands on https://www.cs.toronto.edu/~kriz/cifar.html.
CATALOGUE: dict[str, Download] = {
    "cifar10": Download(
        "cifar10",
        "CIFAR-10",
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        "sha256:6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        170_498_071,
        (
            *(f"cifar-10-batches-py/data_batch_{part}" for part in range(1, 6)),
            "cifar-10-batches-py/test_batch",
            "cifar-10-batches-py/batches.meta",
        ),
    ),
    "cifar100": Download(
        "cifar100",
        "CIFAR-100",
        "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        "sha256:85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
        169_001_437,
        ("cifar-100-python/train", "cifar-100-python/test", "cifar-100-python/meta"),
    ),
}


@dataclass(frozen=True)
class DownloadProgress:
    """How far a download is, in bytes; `error` is a sentence where it failed."""

    state: Literal["running", "failed", "done"]
    done: int
    total: int
    error: str


def find_download(name: str) -> Download:
    if name not in CATALOGUE:
        raise DataError(f"There is no data set {name!r} to download; there are {', '.join(CATALOGUE)}.")
    return CATALOGUE[name]


def download(name: str, report: Report = lambda done, total: None) -> Path:
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
                _unpack(wanted, _fetch(wanted, temporary, progress), temporary / "unpacked")
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
    """Downloads in a process of its own, which outlives this one; does nothing where one is at work already."""
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
    """How the latest download goes or went; nothing where there was none."""
    note = find_note(_progress_file(name)) if name in CATALOGUE else None
    if note is None:
        return None
    total = CATALOGUE[name].archive_bytes
    done = min(int(note.get("done") or 0), total)
    state = note.get("state")
    if folder_of(name).is_dir():
        return DownloadProgress("done", total, total, "")
    if state == "done":
        return None  # deleted since
    if state == "failed":
        return DownloadProgress("failed", done, total, str(note.get("error")))
    if is_held(name) or (state == "starting" and _is_alive(note.get("pid"))):
        return DownloadProgress("running", done, total, "")
    return DownloadProgress("failed", done, total, "The download ended before it was complete; start it again.")


def delete_download(name: str) -> None:
    """Removes a downloaded data set. Raises `DataError` while it is being downloaded."""
    find_download(name)
    lock = try_lock(name)
    if lock is None:
        raise DataError(f"{CATALOGUE[name].title} is being downloaded; wait until that has ended.")
    with lock, temporary_folder(name) as temporary:
        if folder_of(name).is_dir():
            folder_of(name).rename(temporary / "deleted")  # gone at once, however long the removal takes
        _progress_file(name).unlink(missing_ok=True)


def _download_command(name: str) -> list[str]:
    return ["core", "data", "download", name, "--quiet"]


def _progress_file(name: str) -> Path:
    return work_folder() / f"{name}.json"


def _is_alive(pid: int | None) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


class _Progress:
    """Counts bytes for pooch, which wants `total`, `update`, `reset` and `close`; tells the caller and the file."""

    def __init__(self, wanted: Download, report: Report) -> None:
        self.wanted, self.report = wanted, report
        self.total, self.done, self._told = wanted.archive_bytes, 0, 0.0
        self.write("running")

    def update(self, size: int) -> None:
        if self.done > self.wanted.archive_bytes + _CHUNK_BYTES:
            raise DataError(f"{self.wanted.title}: the server sends more than the archive; nothing was kept.")
        self.done += size
        if time.monotonic() - self._told >= _REPORT_SECONDS:
            self.write("running")

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        self.write("running")

    def write(self, state: str, error: str = "") -> None:
        self._told = time.monotonic()
        done, total = min(self.done, self.wanted.archive_bytes), self.wanted.archive_bytes
        note = {"state": state, "pid": os.getpid(), "done": done, "total": total, "error": error}
        with suppress(OSError):  # a full disk; the download itself says so
            write_json(_progress_file(self.wanted.name), note, sync=False)
        self.report(done, total)


def _refuse_insecure(url: str) -> None:
    """https only; http is let through to this machine itself, where tests have their server."""
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


def _fetch(wanted: Download, aside: Path, progress: _Progress) -> Path:
    """The verified archive. Raises `DataError`."""
    import pooch  # imports requests: a quarter of a second that a page need not wait for
    from requests.exceptions import ConnectionError, HTTPError, RequestException, Timeout

    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(
        progressbar=progress, chunk_size=_CHUNK_BYTES, timeout=_TIMEOUT_SECONDS, hooks={"response": _check_redirect}
    )
    try:
        return Path(pooch.retrieve(wanted.url, wanted.archive_hash, "archive.tar.gz", aside, downloader=downloader))
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


def _unpack(wanted: Download, archive: Path, folder: Path) -> None:
    try:
        with tarfile.open(archive) as content:
            content.extractall(folder, filter="data")
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise DataError(f"{wanted.title}: the archive cannot be unpacked: {error}.") from error
    missing = [name for name in wanted.files if not (folder / name).is_file()]
    if missing:
        raise DataError(f"{wanted.title}: the archive lacks {missing[0]}.")
    archive.unlink()
