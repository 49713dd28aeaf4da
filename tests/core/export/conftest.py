"""A run whose points have times that are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.runs.folder import Run
from core.system import files
from tests.pages.sample_runs import make_run

START = 1_700_000_000.0


@pytest.fixture
def run(runs: Path) -> Run:
    run = make_run(name="A run")
    files.write_json(run.path / "environment.json", run.environment() | {"started": START})
    return run
