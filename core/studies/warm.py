"""Trials one after another in one warm process: images stay loaded, and each has a stop and a log of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from core.runs import layout
from core.spec import DataSpec
from core.system.gc_pause import LoadingTorch
from core.worker.stop import StopSignal

if TYPE_CHECKING:
    from core.engine.data import Data


class TrialStop(StopSignal):
    """A request to stop this trial: its run's, or the whole study's. A trial that waits for a device has not begun,
    so it also stops if the study only waits for its current trials."""

    def __init__(self, run_folder: Path, study_folder: Path) -> None:
        super().__init__(run_folder)
        self.study_folder = study_folder
        self.begun = False
        self.by_study = False  # it was the study's

    def is_request(self) -> bool:
        names = ("stop-now",) if self.begun else (layout.STOP, "stop-now")
        # Kept: whoever resumes the study in the meantime takes the request away.
        self.by_study = self.by_study or any((self.study_folder / name).exists() for name in names)
        self.by_hand = self.by_hand or self.by_study
        return super().is_request()


@lru_cache(maxsize=2)  # sets of images, if the space searches among some
def load_once(spec: DataSpec) -> Data:
    """Images, not read anew for each trial. Raises DataError."""
    with LoadingTorch():
        from core.engine.data import load_data

    return load_data(spec)


@contextmanager
def log_into(path: Path) -> Iterator[None]:
    """Sends this process's output, also that of native code, into a file for a while."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [os.dup(number) for number in (1, 2)]
    target = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        for number in (1, 2):
            os.dup2(target, number)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, before in zip((1, 2), saved, strict=True):
            os.dup2(before, number)
        for descriptor in (*saved, target):
            os.close(descriptor)
