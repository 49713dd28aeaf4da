"""Which tests `make test-quick` leaves out: those that a whole run has found to take too long.

`pytest --note-slow` writes the names of test functions that took longer than `LIMIT_SECONDS` in any of their forms to
`slow.txt`, beside this file; `pytest --quick` leaves them out. A new test is quick until it has been measured.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

LIST = Path(__file__).with_suffix(".txt")
LIMIT_SECONDS = 0.2


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help=f"leave out the tests that {LIST.name} names")
    parser.addoption("--note-slow", action="store_true", help=f"write {LIST.name} anew; for a whole run")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--note-slow") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Stopwatch(), "slow-tests")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves out files of which every test is slow: to import them takes longer than to look into them."""
    if not config.getoption("--quick") or not collection_path.match("test_*.py"):
        return None
    tests = set(re.findall(r"^( *def test_\w+)", collection_path.read_text(encoding="utf-8"), re.MULTILINE))
    name = collection_path.relative_to(LIST.parents[1]).as_posix()
    slow = {line.rpartition("::")[2] for line in read_slow() if line.startswith(f"{name}::")}
    return True if tests and {test.split()[-1] for test in tests} <= slow else None


@cache
def read_slow() -> frozenset[str]:
    return frozenset(LIST.read_text(encoding="utf-8").split("\n"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--quick"):
        return
    slow = read_slow()
    config.hook.pytest_deselected(items=[item for item in items if name_function(item.nodeid) in slow])
    items[:] = [item for item in items if name_function(item.nodeid) not in slow]


def name_function(nodeid: str) -> str:
    """The test's function: its id without parameters and without the group that xdist adds."""
    return nodeid.partition("[")[0].partition("@")[0]


class Stopwatch:
    """Adds up how long each test takes with its fixtures, and keeps the names of the slow ones."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration

    def pytest_sessionfinish(self) -> None:
        slow = {name_function(nodeid) for nodeid, seconds in self.seconds.items() if seconds > LIMIT_SECONDS}
        LIST.write_text("".join(f"{name}\n" for name in sorted(slow)), encoding="utf-8")
