"""Commands in this process, on folders of their own."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from tests.core.cli.commands import make_finished, run_command


@pytest.fixture
def core(lab_folders: Path) -> Callable[..., Result]:
    """Runs a command in this process, on folders of its own."""
    return run_command


@pytest.fixture
def finished(lab_folders: Path) -> str:
    return make_finished(0.25)
