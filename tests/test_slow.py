"""The list of slow tests names tests that are there, and is written from what a run measured."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from core.system.folders import PROJECT
from tests import slow


def test_every_slow_test_is_one_that_exists() -> None:
    names = slow.LIST.read_text(encoding="utf-8").split()
    assert names
    for name in names:
        path, _, function = name.partition("::")
        assert f"def {function.rpartition('::')[2]}(" in (PROJECT / path).read_text(encoding="utf-8")


def test_files_of_which_every_test_is_slow_are_not_even_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tests").mkdir()
    monkeypatch.setattr(slow, "LIST", tmp_path / "tests" / "slow.txt")
    monkeypatch.setattr(slow, "read_slow", lambda: {"tests/test_a.py::test_one", "tests/test_a.py::TestB::test_two"})
    quick, whole = (SimpleNamespace(getoption=lambda name, given=given: given) for given in (True, False))
    for name, source, left_out in (
        ("test_a.py", "def test_one(): ...\nclass TestB:\n    def test_two(self): ...\n", True),
        ("test_a.py", "def test_one(): ...\ndef test_new(): ...\n", None),
        ("test_b.py", "def test_one(): ...\n", None),
        ("test_a.py", "from tests.others import *\n", None),
    ):
        path = tmp_path / "tests" / name
        path.write_text(source)
        assert slow.pytest_ignore_collect(path, quick) is left_out  # type: ignore[arg-type]
        assert slow.pytest_ignore_collect(path, whole) is None  # type: ignore[arg-type]


def test_a_function_is_slow_if_one_of_its_forms_is_with_its_fixtures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slow, "LIST", tmp_path / "slow.txt")
    watch = slow.Stopwatch()
    for nodeid, seconds in (
        ("tests/a.py::test_b[1]", 0.5 * slow.LIMIT_SECONDS),
        ("tests/a.py::test_b[2]", 0.6 * slow.LIMIT_SECONDS),  # setting it up
        ("tests/a.py::test_b[2]", 0.6 * slow.LIMIT_SECONDS),
        ("tests/a.py::test_quick", 0.6 * slow.LIMIT_SECONDS),
        ("tests/a.py::test_c@browser-pages", 9.0),
    ):
        watch.pytest_runtest_logreport(SimpleNamespace(nodeid=nodeid, duration=seconds))  # type: ignore[arg-type]
    watch.pytest_sessionfinish()
    assert slow.LIST.read_text() == "tests/a.py::test_b\ntests/a.py::test_c\n"
