"""A run that nobody has trained yet, and one whose worker is gone."""

from pathlib import Path

import pytest

from core.runs.folder import Run
from core.runs.store import open_run
from core.system import files
from tests.core.workers import tiny_spec
from tests.made_runs import create_run


@pytest.fixture
def run(runs: Path) -> Run:
    return open_run(create_run(tiny_spec(), name="A run"))


@pytest.fixture
def interrupted(run: Run) -> Run:
    (run.path / "launched").unlink()
    assert run.state() == "interrupted"
    return run


def end(run: Run, state: str = "finished", **more: object) -> None:
    files.write_json(run.path / "end.json", {"state": state, **more})
