"""The page of reliability says what the tests measured, no more."""

from typing import Any

import pytest

from tests.figures import Figures, describe_promise, read_figures
from tools.reliability import ITEMS, PAGE, PARTS, render

ENTRY = {
    "test": "tests/faults/test_kills.py::test_it",
    **describe_promise(1, "It holds.", how="kill -9 | twice", control="it does not"),
    "outcome": "passed",
    "result": "200 kills",
    "date": "2026-01-01",
    "machine": "a machine",
}


def test_the_page_holds_promise_test_control_result_date_and_machine() -> None:
    page = render([ENTRY])
    assert "## Durability" in page
    assert "### 1. Killed at any moment" in page
    assert "| It holds. | kill -9 / twice | it does not | 200 kills (2026-01-01) |" in page
    assert "Measured on: a machine." in page


def test_a_promise_that_was_broken_is_not_hidden() -> None:
    assert "**failed** 3 of 200 differ" in render([{**ENTRY, "outcome": "failed", "result": "3 of 200 differ"}])


def test_every_item_has_a_heading_and_a_part() -> None:
    assert sorted(ITEMS) == sorted(item for items in PARTS.values() for item in items)


def test_the_page_is_the_one_that_the_kept_figures_give() -> None:
    assert PAGE.read_text() == render(read_figures())


def test_a_test_has_one_name_with_and_without_a_group() -> None:
    """pytest-xdist adds the group to its id; under that name nobody would find the test again."""
    figures = Figures()
    promise: list[tuple[str, Any]] = [("promise", describe_promise(16, "It holds.", how="asked", control="not asked"))]
    for group in ("", "@security-doors"):
        for when in ("setup", "call"):
            figures.pytest_runtest_logreport(
                pytest.TestReport(
                    nodeid=f"tests/security/test_doors.py::test_it[chromium]{group}",
                    location=("", 0, ""),
                    keywords={},
                    outcome="passed",
                    longrepr=None,
                    when=when,  # type: ignore[arg-type]
                    user_properties=promise,
                )
            )
    assert list(figures.entries) == ["tests/security/test_doors.py::test_it[chromium]"]
