"""Whether a process holds a run, or is about to. Only small modules are imported: every waiting worker does."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from core.runs import layout
from core.system import files, processes
from core.system.locks import is_locked

LAUNCH_SECONDS = 10.0  # as long as this a worker may take from its launch to holding its lock


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
    return is_locked(folder / layout.LOCK) or is_starting(folder)
