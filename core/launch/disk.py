"""How much disk space the runs use, and freeing it without losing a result."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.launch.launcher import LauncherError
from core.runs import layout
from core.runs.branches import ROOTS
from core.runs.listing import list_runs
from core.runs.records import ENDS
from core.runs.store import open_run
from core.system.folders import runs_folder
from core.system.locks import hold

_LEFT = ".checkpoints-"  # how a folder of checkpoints is called while it is removed


@dataclass(frozen=True)
class RunUse:
    """Disk space of one run in bytes, and the part of it that checkpoints take."""

    run_id: str
    name: str
    colour: str
    archived: bool
    bytes: int
    checkpoint_bytes: int


# Sizes of ended runs with the folder's modification time, which every change of a run's files updates.
_measured: dict[str, tuple[int, int, int]] = {}


def measure_runs() -> list[RunUse]:
    """Every run's disk space, the largest first; ended runs are measured once."""
    uses = []
    for run in list_runs():
        size, checkpoints = _measure(runs_folder() / run.id, ended=run.state in ENDS)
        uses.append(RunUse(run.id, run.name, run.colour, run.archived, size, checkpoints))
    return sorted(uses, key=lambda use: use.bytes, reverse=True)


def _measure(folder: Path, *, ended: bool) -> tuple[int, int]:
    """Bytes of a run, and of its checkpoints."""
    try:
        changed_ns = os.stat(folder).st_mtime_ns
    except OSError:
        return 0, 0
    known = _measured.get(str(folder))
    if known and known[0] == changed_ns:
        return known[1:]
    sizes = _folder_bytes(folder), sum(map(_folder_bytes, _list_folders(folder)))
    if ended:
        _measured[str(folder)] = (changed_ns, *sizes)
    return sizes


def _list_folders(folder: Path) -> list[Path]:
    """Where a run's checkpoints lie, with what a process left of them that died while it removed them."""
    return [folder / layout.CHECKPOINTS, *folder.glob(f"{_LEFT}*")]


def _folder_bytes(folder: Path) -> int:
    """Bytes of all files below; files removed meanwhile count as 0, as a branch's root does while its parent has it."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                found = os.lstat(os.path.join(parent, name))
                total += found.st_size if name not in ROOTS or found.st_nlink == 1 else 0
    return total


def _count_own(folder: Path) -> int:
    """Bytes of the files that nothing else has as well."""
    total = 0
    for path in folder.glob("*"):
        with suppress(OSError):
            found = path.lstat()
            total += found.st_size if found.st_nlink == 1 else 0
    return total


def delete_checkpoints(run_id: str) -> int:
    """Removes a run's checkpoints and returns the bytes that this freed; curves, figures and predictions stay.

    So do the roots of its branches: what they have of these bytes goes on taking space, and is not counted.

    Raises RunNotFoundError, LauncherError for a run that is not over.
    """
    run = open_run(run_id)
    with hold(run.path / layout.CONTROL):
        if run.state() in ("queued", "running"):
            raise LauncherError("This run is not over yet; its checkpoints are needed.")
        freed = sum(map(_count_own, _list_folders(run.path)))
        if (run.path / layout.CHECKPOINTS).is_dir():
            # Renamed first, so that nobody reads a half deleted folder.
            os.rename(run.path / layout.CHECKPOINTS, run.path / f"{_LEFT}{time.time_ns()}")
        for left in run.path.glob(f"{_LEFT}*"):
            shutil.rmtree(left, ignore_errors=True)
    return freed
