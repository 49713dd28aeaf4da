"""Scripts that log, in processes of their own, and what the lab has of them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from core.runs.folder import Run
from core.runs.listing import list_runs
from core.runs.store import open_run
from core.system.folders import PROJECT


def start_script(text: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", text], cwd=PROJECT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


def run_script(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", text], cwd=PROJECT, text=True, capture_output=True, check=False, timeout=60
    )


def all_runs() -> list[Run]:
    return sorted((open_run(summary.id) for summary in list_runs()), key=lambda run: run.id)


def points_of(run: Run) -> dict[str, list[tuple[int, float]]]:
    return {
        name: list(zip(series.steps.tolist(), series.values.tolist(), strict=True))
        for name, series in run.series().series.items()
    }


def only_run() -> Run:
    (run,) = all_runs()
    return run
