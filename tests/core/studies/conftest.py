"""What tests of studies share."""

from pathlib import Path

import pytest


@pytest.fixture
def lab(runs: Path) -> Path:
    return runs
