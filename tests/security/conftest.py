"""Runs and pages as the other tests have them, and files outside that nobody should look at."""

from pathlib import Path

import pytest

from tests.core.conftest import quick_workers, runs
from tests.pages.conftest import open_page
from tests.security.planted import Planted

__all__ = ["open_page", "quick_workers", "runs"]


@pytest.fixture
def planted(lab_folders: Path) -> Planted:
    return Planted(lab_folders)
