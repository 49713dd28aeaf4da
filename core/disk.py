"""How much disk the runs take, and what can be given back without losing a result."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from core.launcher import LauncherError
from core.locks import hold
from core.runs import list_runs, open_run, runs_folder


@dataclass(frozen=True)
class RunUse:
    """Disk space of one run in bytes, and how much of it are checkpoints."""

    run_id: str
    name: str
    archived: bool
    bytes: int
    checkpoint_bytes: int


def measure_runs() -> list[RunUse]:
    """Every run's disk space, the largest first."""
    folder = runs_folder()
    uses = [
        RunUse(
            run.id,
            run.name,
            run.archived,
            _folder_bytes(folder / run.id),
            _folder_bytes(folder / run.id / "checkpoints"),
        )
        for run in list_runs()
    ]
    return sorted(uses, key=lambda use: use.bytes, reverse=True)


def _folder_bytes(folder: Path) -> int:
    """Bytes of all files below; a file that goes away meanwhile counts nothing."""
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    total += _folder_bytes(Path(entry.path))
                else:
                    total += entry.stat(follow_symlinks=False).st_size
    except OSError:
        return total
    return total


def delete_checkpoints(run_id: str) -> int:
    """Removes a run's checkpoints and returns how many bytes that freed; curves, figures and predictions stay.

    Raises RunNotFound, LauncherError for a run that is not over.
    """
    run = open_run(run_id)
    with hold(run.path / "control.lock"):
        if run.state() in ("queued", "running"):
            raise LauncherError("This run is not over yet; its checkpoints are needed.")
        folder = run.path / "checkpoints"
        freed = _folder_bytes(folder)
        if folder.is_dir():
            # Renamed first, so that nobody reads a half deleted folder.
            aside = run.path / f".checkpoints-{time.time_ns()}"
            os.rename(folder, aside)
            shutil.rmtree(aside, ignore_errors=True)
    return freed
