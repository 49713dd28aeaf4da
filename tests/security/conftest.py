"""Runs and pages as the other tests have them."""

from tests.core.conftest import quick_workers, runs
from tests.pages.conftest import open_page

__all__ = ["open_page", "quick_workers", "runs"]
