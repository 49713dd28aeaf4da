"""Whether a process holds a run, or is about to. Only small modules are imported: every waiting worker does."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path

from core.runs import layout
from core.system import files, processes
from core.system.locks import is_locked

TYPE_CHECKING = False  # Waiting workers import this module: `typing` would cost each of them memory.
if TYPE_CHECKING:
    from collections.abc import Callable

LAUNCH_SECONDS = 10.0  # as long as this a worker may take from its launch to holding its lock
BEAT_SECONDS = 10.0  # between two signs of life
SILENT_SECONDS = 6 * BEAT_SECONDS  # without one, a worker on another machine counts as dead
SKEW_SECONDS = 3600.0  # by which the clocks of two machines may differ


def mark_launch(folder: Path, pid: int | None = None) -> None:
    """Notes that a worker is on its way, then which process it is; the worker removes the note once it is there."""
    path = folder / layout.LAUNCHED
    if pid is None:
        path.write_bytes(b"")
        return
    try:
        # Not made anew: a quick worker has removed it already.
        fd = os.open(path, os.O_WRONLY)
    except FileNotFoundError:
        return
    with open(fd, "wb") as file:
        file.write(json.dumps(processes.identify(pid)).encode())


def is_starting(folder: Path) -> bool:
    """Whether the run's worker is on its way to its lock."""
    path = folder / layout.LAUNCHED
    try:
        launched = os.stat(path).st_mtime
        return processes.is_same(files.read_json(path))
    except OSError:
        return False
    except files.DamagedFileError:
        pass  # empty: the process is not known yet
    # A clock that was set back must not make a launch last for hours, hence the distance either way.
    return abs(time.time() - launched) < LAUNCH_SECONDS


def is_waiting(folder: Path) -> bool:
    """Whether the run has a worker, or one that is just starting."""
    return is_held(folder) or is_starting(folder)


def is_held(folder: Path) -> bool:
    """Whether a process holds the run: by its lock, or else by the signs of life of another machine's worker.

    On some file systems each machine has locks of its own, and a lock that is held on another looks free here.
    """
    return is_locked(folder / layout.LOCK) or bool(find_holder_elsewhere(folder))


def beat(folder: Path) -> None:
    """A sign of life of the worker that holds the run, by the clock of whoever keeps the files."""
    with suppress(OSError):  # the run was deleted, or its disk takes nothing: the lock still tells
        os.utime(folder / layout.WORKER)


def rest(folder: Path) -> None:
    """The worker's last word: it is about to release the run."""
    old = time.time() - 2 * SKEW_SECONDS
    with suppress(OSError):
        os.utime(folder / layout.WORKER, (old, old))


def find_holder_elsewhere(folder: Path, seconds: float = SILENT_SECONDS) -> str:
    """The other machine whose worker gave a sign of life within so many seconds; empty if there is none."""
    path = folder / layout.WORKER
    try:
        silent, number = abs(time.time() - os.stat(path).st_mtime), os.stat(folder).st_ino
    except OSError:
        return ""
    if silent > seconds:
        return ""
    record = files.find_note(path) or {}
    process = record.get("process")
    # Of a copied folder the signs of life are those of copying.
    if (folder / layout.END).exists() or record.get("folder", number) != number:
        return ""
    if not isinstance(process, dict) or processes.is_of_this_machine(process):
        return ""
    return str(process.get("host") or "").encode("ascii", "replace").decode()


def find_rival(folder: Path, is_stopping: Callable[[], bool]) -> str:
    """The other machine whose worker goes on although this process holds the run's lock; empty if there is none.

    Takes a while only where another machine's worker neither ended nor has been silent for long: it may be alive, or
    killed a moment ago.
    """
    path = folder / layout.WORKER
    if not (host := find_holder_elsewhere(folder, SKEW_SECONDS)):
        return ""
    before, until = os.stat(path).st_mtime_ns, time.monotonic() + 3 * BEAT_SECONDS
    while time.monotonic() < until and not is_stopping():
        if os.stat(path).st_mtime_ns != before:
            return host
        time.sleep(0.3)
    return ""
