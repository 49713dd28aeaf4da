"""Tests of reliability: what each promises, what it measured, and where its figure is kept.

A test in `tests/faults`, `tests/load`, `tests/security` or `tests/cluster` carries its promise and tells its figure:

    @pytest.mark.promise(1, "A killed run resumes exactly.", how="kill -9 at random moments", control="...")
    def test_a_killed_run_resumes_exactly(full: bool, record_figure: Callable[[str], None]) -> None:
        kills = 200 if full else 10
        ...
        record_figure(f"{kills} kills, {same} identical")

`item` is the number of the promise in `docs/reliability.py`; `how` and `control` are Markdown for its table, `control`
the test or the line that shows that this one can fail. Every run prints the figures at its end; with `--full` they
also go to `benchmarks/results/reliability.json` and from there to `docs/RELIABILITY.md`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
FIGURES = ROOT / "benchmarks" / "results" / "reliability.json"
_GROUP = re.compile(r"@[\w-]+$")  # what pytest-xdist adds to the id of a test that has a group


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="tests of reliability in full, and keep their figures")


@pytest.hookimpl(tryfirst=True)  # before the limit is read
def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--full"):
        config.option.timeout = 0  # hours are what these tests are for
    config.addinivalue_line("markers", "promise(item, promise, *, how, control): what a test of reliability shows")
    config.addinivalue_line("markers", "in_full(reason): is skipped without --full")
    if not hasattr(config, "workerinput"):  # else this is a worker of xdist, whose reports reach the controller
        config.pluginmanager.register(Figures(), "reliability-figures")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if (mark := item.get_closest_marker("in_full")) and not config.getoption("--full"):
            item.add_marker(pytest.mark.skip(reason=f"{mark.args[0]}; in full: make test-{item.path.parent.name}"))
        if mark := item.get_closest_marker("promise"):
            item.user_properties.append(("promise", describe_promise(*mark.args, **mark.kwargs)))


def describe_promise(item: int, promise: str, *, how: str, control: str) -> dict[str, Any]:
    return {"item": item, "promise": promise, "how": how, "control": control}


@pytest.fixture(scope="session")
def full(pytestconfig: pytest.Config) -> bool:
    """Whether to do all of it, which takes minutes, or the short form for `make test`."""
    return bool(pytestconfig.getoption("--full"))


@pytest.fixture
def record_figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Tells what the test measured, as a short sentence; several are joined."""
    assert request.node.get_closest_marker("promise"), "a test with a figure is marked with its promise"

    def record(result: str) -> None:
        print(result)
        request.node.user_properties.append(("figure", result))

    return record


class Figures:
    """Gathers the tests' figures as their reports come in, prints them, and keeps those of a full run."""

    def __init__(self) -> None:
        self.entries: dict[str, dict[str, Any]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        known = dict(report.user_properties)
        if "promise" not in known:
            return
        test = _GROUP.sub("", report.nodeid)
        entry = self.entries.setdefault(test, {"test": test, **known["promise"], "outcome": "passed"})
        if not report.passed:
            entry["outcome"] = report.outcome
        if report.when == "call":
            entry["seconds"] = round(report.duration, 1)
        told = [figure for name, figure in report.user_properties if name == "figure"]
        if report.skipped and isinstance(report.longrepr, tuple):
            told = [report.longrepr[2]]
        if told:
            entry["result"] = "; ".join(told)
        # What a skipped test told is not told again when it is torn down.
        entry.setdefault("result", "")

    def pytest_terminal_summary(self, terminalreporter: Any, config: pytest.Config) -> None:
        # One that was interrupted has been set up, and nothing is known of it.
        entries = [each for each in self.entries.values() if "seconds" in each or each["outcome"] != "passed"]
        if not entries:
            return
        terminalreporter.section("reliability")
        for entry in sorted(entries, key=_order):
            mark = "" if entry["outcome"] == "passed" else f"  [{entry['outcome'].upper()}]"
            terminalreporter.write_line(f"{entry['item']:>2}  {entry['promise']}{mark}")
            terminalreporter.write_line(f"      {entry['result'] or 'no figure'} ({entry.get('seconds', 0):.0f} s)")
        if config.getoption("--full"):
            from tools.reliability import write_page

            keep_figures(entries)
            write_page()


def keep_figures(entries: list[dict[str, Any]]) -> None:
    """Adds to the kept figures, in place of earlier ones of the same tests; those of tests that are gone go too."""
    from benchmarks.machine import describe_machine

    machine = describe_machine()
    words = f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']:g} GiB, {machine['system']}"
    date = datetime.now(UTC).date().isoformat()
    new = {entry["test"]: {**entry, "date": date, "machine": words} for entry in entries}
    kept = {entry["test"]: entry for entry in read_figures() if _exists(entry["test"])}
    figures = sorted((kept | new).values(), key=_order)
    FIGURES.write_text(json.dumps({"figures": figures}, indent=1, ensure_ascii=False) + "\n")


def read_figures() -> list[dict[str, Any]]:
    """What the last full runs measured; empty before the first."""
    if not FIGURES.exists():
        return []
    figures: list[dict[str, Any]] = json.loads(FIGURES.read_text())["figures"]
    return figures


def _exists(test: str) -> bool:
    path, _, name = test.partition("::")
    function = name.split("::")[-1].split("[")[0]
    return (ROOT / path).is_file() and f"def {function}(" in (ROOT / path).read_text()


def _order(entry: dict[str, Any]) -> tuple[int, str]:
    return entry["item"], entry["test"]
