"""What tests of one model's answers share."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_folders(lab_folders: Path) -> Path:
    return lab_folders
