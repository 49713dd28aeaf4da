"""Runs in a folder of their own, trained by workers that start in milliseconds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.launch import launcher
from core.runs import presence
from core.runs.listing import list_runs
from tests.core import workers


@pytest.fixture
def runs(lab_folders: Path) -> Path:
    """An empty runs folder."""
    return lab_folders / "runs"


@pytest.fixture
def quick_workers(runs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The launcher starts forked workers; none outlives the test. Returns the runs folder."""
    monkeypatch.setenv("RESNET_LAB_DEVICES", "cpu")
    monkeypatch.setattr(launcher, "_start_process", workers.start_worker)
    yield runs
    for summary in list_runs():
        folder = runs / summary.id
        if presence.is_waiting(runs / summary.id):
            (folder / "stop").touch()
    workers.end_all()
