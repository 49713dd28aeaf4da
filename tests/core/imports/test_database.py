from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from core.imports import database
from core.imports.database import Rows, find_tables, list_tables, open_database
from core.imports.values import ImportFilesError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with sqlite3.connect(tmp_path / "a b?.db") as writer:
        writer.execute("CREATE TABLE points (value)")
        writer.executemany("INSERT INTO points VALUES (?)", [(number,) for number in range(20_000)])
        writer.execute("CREATE VIEW metrics AS SELECT value FROM points")
        writer.execute("CREATE VIRTUAL TABLE runs USING fts5(key)")
    return tmp_path / "a b?.db"


def test_only_ordinary_tables_count(path: Path) -> None:
    tables = find_tables(path)

    assert tables["points"] == {"value"}
    assert not {"metrics", "runs"} & set(tables)


def test_nothing_is_written(path: Path) -> None:
    with open_database(path) as connection, pytest.raises(sqlite3.OperationalError):
        connection.execute("DELETE FROM points")
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_rows_before_the_damage_are_read(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[61_440:98_304] = bytes(36_864)  # whole pages
    path.write_bytes(content)
    with open_database(path) as connection:
        rows = Rows(connection, "SELECT value FROM points")
        values = [value for (value,) in rows]

    assert values == list(range(len(values)))
    assert 0 < len(values) < 20_000
    assert rows.damage.startswith(f"damaged after {len(values):,} rows")


def test_a_query_that_takes_for_ever_is_ended(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "MAX_SECONDS", 0)
    with open_database(path) as connection:
        rows = Rows(connection, "SELECT count(*) FROM points a, points b")
        assert list(rows) == []
    assert "interrupted" in rows.damage


def test_what_is_no_database_is_told_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "runs.db").write_bytes(b"SQLite format 3\0" + bytes(range(200)))

    with (
        pytest.raises(ImportFilesError, match=r"runs\.db is a damaged database"),
        open_database(tmp_path / "runs.db") as connection,
    ):
        list_tables(connection)
