"""Two hundred files and more that nobody's tool wrote are read, kept and opened as runs, or refused; that is all."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.security.foreign_files import MLFLOW, POINT, PRECIOUS, database, foreign_cases, hot_journal
from tests.security.hostile_files import Hostile
from tests.security.test_hostile_files import swallow

LIMIT_SECONDS = 10.0
LIMIT_GROWTH = 200_000_000


@pytest.fixture(scope="module")
def come(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Hostile, dict[str, Any]]]:
    """Every upload with what came of it."""
    folder = tmp_path_factory.mktemp("foreign")
    (folder / PRECIOUS).write_bytes(b"words\0")
    cases = []
    for number, (name, files) in enumerate(foreign_cases(folder)):
        case = folder / f"case-{number}"
        case.mkdir()
        # Names of files are what a browser sends, and may be anything: they are kept beside the bytes.
        for index, content in enumerate(files.values()):
            (case / f"{index}.bin").write_bytes(content)
        (case / "names").write_text("\n".join(repr(each) for each in files), encoding="utf-8")
        cases.append(Hostile(name, "foreign", case))
    return list(zip(cases, swallow(cases, folder), strict=True))


@pytest.mark.promise(
    18,
    "No file of another tool reaches beyond itself, is read for ever or fills the memory; what is kept of it is a run.",
    how="hostile and damaged files of every format, uploaded, read, kept and opened as runs are",
    control="`test_sqlite_left_to_itself_deletes_what_a_journal_names`",
)
def test_files_of_strangers_are_runs_or_are_refused_in_words(
    come: list[tuple[Hostile, dict[str, Any]]], record_figure: Callable[[str], None]
) -> None:
    assert len(come) >= 200
    for case, came in come:
        about = f"{case.name}: {came}"
        assert came["outcome"] in ("refused", "accepted"), about
        assert came["words"].replace("\n", " ").isprintable(), about
        assert len(came["words"]) < 1000, about
        assert came["grown"] < LIMIT_GROWTH, about
        assert came["seconds"] < LIMIT_SECONDS, about
        assert came["harm"] == [], about
        assert (case.path.parent / PRECIOUS).exists(), about
    kept = sum(came["outcome"] == "accepted" for _, came in come)
    grown, seconds = max(came["grown"] for _, came in come), max(came["seconds"] for _, came in come)
    record_figure(
        f"{len(come)} uploads, {kept} of them with runs that are sound, none did harm; the process grew by at most "
        f"{grown / 1e6:.0f} MB, slowest {seconds:.1f} s of CPU time"
    )


def test_sqlite_left_to_itself_deletes_what_a_journal_names(tmp_path: Path) -> None:
    content = database(*MLFLOW, POINT)
    (tmp_path / "a.db").write_bytes(content)
    (tmp_path / PRECIOUS).write_bytes(b"words\0")
    (tmp_path / "a.db-journal").write_bytes(hot_journal(len(content) // 4096, tmp_path / PRECIOUS))
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.execute("SELECT * FROM metrics").fetchall()
    assert not os.path.exists(tmp_path / PRECIOUS)
