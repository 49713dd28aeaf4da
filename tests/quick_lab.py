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
from tests.forks import ADDRESS, PAUSE, Forks, forking
from tests.lab_server import LabServer, serve_lab


class QuickLab(LabServer):
    def __init__(self, folder: Path, *, is_forked: bool = True) -> None:
        super().__init__(folder, "tests/browser/quick_app.py", is_forked=is_forked)
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

    def start_long_run(self) -> str:
        """A run that is still in training when its test is over, and meanwhile leaves the processor to the test."""
        settings = ["--set", "train.epochs=2000", "--set", "data.max_train_images=100"]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(PAUSE, "0.2")
            return self.command("train", "--preset", "first-look", *settings, "--detach").stdout.split()[0]

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
def serve_quickly(folder: Path, *, is_forked: bool = True, **environment: str) -> Iterator[QuickLab]:
    """As `serve_lab`."""
    lab = QuickLab(folder, is_forked=is_forked)
    try:
        with serve_lab(folder, lab, **environment):
            yield lab
    finally:
        lab.forks.end(folder / "runs")
