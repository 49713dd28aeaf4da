"""Commands in this process, on folders of their own."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from core.cli.app import app
from tests.core.cli.commands import make_finished


@pytest.fixture
def core(lab_folders: Path) -> Callable[..., Result]:
    """Runs a command in this process, on folders of its own."""

    def run(*arguments: str, text: str | None = None) -> Result:
        result = CliRunner().invoke(app, list(arguments), input=text)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture
def finished(lab_folders: Path) -> str:
    return make_finished(0.25)
