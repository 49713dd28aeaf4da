"""Tests that start servers which listen on every network card: run where there is no card but the loopback.

A module marked with `pytestmark = pytest.mark.isolated` is run by a pytest of its own in namespaces of its own: only
the loopback is there, its processes are seen by nobody and end with it. Its tests are reported one by one, as if they
had run here. Words in the mark are packages that the tests need: `pytest.mark.isolated("ray")`. Where Linux allows no
namespaces, or a package is missing, the tests are skipped with the reason.

Tests with Ray take what processors there are, and others beside them would time out: they run by `--cluster` (or
`--full`) alone. By `--cluster` they share one namespace, and so one cluster; in full each module has its own.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
REPORTS = "RESNET_LAB_ISOLATED_REPORTS"  # names the file for the reports; set inside
_SPACES = ("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
# As root, or as a user who may make namespaces of its own.
_WAYS = (("unshare", *_SPACES), ("unshare", "--user", "--map-root-user", *_SPACES))
_OUTCOMES = pytest.StashKey[dict[Any, dict[str, list[pytest.TestReport]]]]()
SECONDS = 1000
APART = "tests with Ray run with no other beside them: make test-cluster-quick"


def is_inside() -> bool:
    return REPORTS in os.environ


@cache
def find_way() -> tuple[str, ...] | None:
    """The command that runs another one without a network; None where the system allows none."""
    for way in _WAYS:
        try:
            done = subprocess.run(
                [*way, sys.executable, __file__, "--try"], capture_output=True, timeout=20, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            return way
    return None


def raise_loopback() -> None:
    """Brings the loopback up, which a new network namespace has down. Raises OSError."""
    set_flags, up_and_running = 0x8914, 0x1 | 0x40
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sh14x", b"lo", up_and_running))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cluster", action="store_true", help="tests with Ray too, in their short form")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "isolated(*packages): run where only the loopback is")


# First: xdist reads the groups in the same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    asked = config.getoption("--cluster") or config.getoption("--full")
    for item in items:
        if is_inside() or not (mark := item.get_closest_marker("isolated")):
            continue
        item.add_marker(pytest.mark.xdist_group(f"isolated-{'-'.join(mark.args)}"))
        if reason := _explain(mark.args, asked):
            item.add_marker(pytest.mark.skip(reason=reason))


def _explain(packages: tuple[str, ...], asked: bool) -> str:
    """Why tests are not run apart; empty if they are."""
    if "ray" in packages and not asked:
        return APART
    for package in packages:
        if find_spec(package) is None:
            return f"{package} is not installed: pip install -r requirements-cluster.txt"
    return "" if find_way() else "no network namespace can be made here (Linux, as root or where users may)"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """Reports what the test came to inside; None where it runs as any other."""
    if is_inside() or not item.get_closest_marker("isolated") or item.get_closest_marker("skip"):
        return None
    outcomes = item.session.stash.setdefault(_OUTCOMES, {})
    space = _name_space(item)
    if space not in outcomes:
        outcomes[space] = _run_space(item)
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in outcomes[space].get(_plain_id(item), []):
        report.nodeid = item.nodeid  # with the group that xdist added
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _plain_id(item: pytest.Item) -> str:
    return item.nodeid.rpartition("@")[0] or item.nodeid


def _name_space(item: pytest.Item) -> Any:
    """What tests that run in the same namespaces have in common; None for those that run here."""
    mark = item.get_closest_marker("isolated")
    if mark is None or item.get_closest_marker("skip"):
        return None
    return mark.args if mark.args and not item.config.getoption("--full") else item.path


def _run_space(item: pytest.Item) -> dict[str, list[pytest.TestReport]]:
    """By its id the reports of each test of these namespaces; one that tells the output where there is none."""
    space = _name_space(item)
    items = [each for each in item.session.items if _name_space(each) == space]
    options = ["--full"] if item.config.getoption("--full") else []
    if "ray" in item.get_closest_marker("isolated").args:  # type: ignore[union-attr]
        options += ["-p", "tests.ray_cluster"]
    with tempfile.TemporaryDirectory(prefix="lab-isolated-") as folder:
        reports = Path(folder) / "reports.jsonl"
        command = [*(find_way() or ()), sys.executable, "-m", "tests.isolated", *options, *map(_plain_id, items)]
        with open(Path(folder) / "output.txt", "wb+") as output:
            status: int | str
            try:
                status = subprocess.run(
                    command,
                    cwd=ROOT,
                    env={**os.environ, REPORTS: str(reports), "PYTEST_ADDOPTS": ""},
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    timeout=None if "--full" in options else SECONDS,
                    check=False,
                ).returncode
            except subprocess.TimeoutExpired:
                status = f"none after {SECONDS} s"
            output.seek(0)
            text = output.read().decode(errors="replace")
        found: dict[str, list[pytest.TestReport]] = {}
        for line in reports.read_text().splitlines() if reports.exists() else ():
            report = item.config.hook.pytest_report_from_serializable(config=item.config, data=json.loads(line))
            if isinstance(report.longrepr, list):  # of a skipped test, for which JSON knows no tuples
                report.longrepr = tuple(report.longrepr)
            found.setdefault(report.nodeid, []).append(report)
    for each in items:
        if _plain_id(each) not in found:
            message = f"No report came from the namespaces; exit status {status}.\n{text[-8000:]}"
            found[_plain_id(each)] = [pytest.TestReport(each.nodeid, each.location, {}, "failed", message, "call")]
    return found


class Reporter:
    """Inside: writes down each report as it comes."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data: dict[str, Any] = self.config.hook.pytest_report_to_serializable(config=self.config, report=report)
        with open(os.environ[REPORTS], "a", encoding="utf-8") as file:
            file.write(json.dumps(data, default=str) + "\n")


class Inside:
    """The plugin of the pytest inside."""

    def pytest_configure(self, config: pytest.Config) -> None:
        config.pluginmanager.register(Reporter(config), "isolated-reports")


def run_as_init(work: Callable[[], int]) -> int:
    """Does the work in a child, and meanwhile waits for every process that lost its parent, as the first must."""
    child = os.fork()
    if not child:
        os._exit(work())
    while True:
        pid, status = os.wait()
        if pid == child:
            return os.waitstatus_to_exitcode(status)


def main(arguments: list[str]) -> int:
    return int(pytest.main(["-q", "-n", "0", "-p", "no:cacheprovider", *arguments], plugins=[Inside()]))


if __name__ == "__main__":
    raise_loopback()
    if sys.argv[1:] != ["--try"]:
        sys.exit(run_as_init(lambda: main(sys.argv[1:])))
