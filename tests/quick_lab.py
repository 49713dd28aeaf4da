"""A lab for tests whose subject is a page: its workers are forked, and its commands run in the tests' own process."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.runs.listing import list_runs
from tests.forks import ADDRESS, Forks, forking
from tests.lab_server import LabServer, serve_lab


class QuickLab(LabServer):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "tests/browser/quick_app.py")
        self.forks = Forks()
        self.environment[ADDRESS] = self.forks.address

    @contextmanager
    def chosen(self) -> Iterator[None]:
        """This process works on the lab's folders, and starts its workers as the lab does."""
        with pytest.MonkeyPatch.context() as patch, forking(self.forks.address):
            for name in ("RESNET_LAB_RUNS", "RESNET_LAB_DATA"):
                patch.setenv(name, self.environment[name])
            yield

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        from typer.testing import CliRunner

        from core.cli.app import app

        with self.chosen():
            result = CliRunner().invoke(app, list(arguments))
        return subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)

    def clear(self) -> None:
        """Ends what still trains, and removes every run, study and setting."""
        from core.launch.launcher import delete_run

        runs = self.folder / "runs"
        self.forks.end(runs)
        with self.chosen():
            for run in list_runs():
                delete_run(run.id)
        for name in ("settings.json", ".imports.json"):
            (runs / name).unlink(missing_ok=True)
        # Another file and no emptied one: in that a new study gets an old one's number, whose trials the server knows.
        for path in runs.glob("studies.db*"):
            path.rename(self.folder / f"{time.time_ns()}-{path.name}")
        for name in (".studies", ".notify"):
            shutil.rmtree(runs / name, ignore_errors=True)


@contextmanager
def serve_quickly(folder: Path, **environment: str) -> Iterator[QuickLab]:
    """As `serve_lab`."""
    lab = QuickLab(folder)
    try:
        with serve_lab(folder, lab, **environment):
            yield lab
    finally:
        lab.forks.end(folder / "runs")
