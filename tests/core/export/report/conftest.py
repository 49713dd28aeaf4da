"""Reports of runs in a folder of their own."""

import pytest


@pytest.fixture(autouse=True)
def own_folders(lab_folders: object) -> None:
    """Every test here makes its runs in an empty folder."""
