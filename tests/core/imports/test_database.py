from __future__ import annotations

import shutil
import sqlite3
import struct
from contextlib import closing
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


def test_words_of_sqlite_that_are_no_utf8_are_a_damaged_database(path: Path) -> None:
    """Python cannot read a message that quotes a damaged schema, and raises an error of another family."""
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE points", b"CREATE TABLE p\xf2ints", 1))

    with pytest.raises(ImportFilesError, match="is a damaged database"):
        find_tables(path)


def test_a_journal_that_names_another_file_is_not_played_back(path: Path, tmp_path: Path) -> None:
    """As it is hot, SQLite would delete the file that it names, once no other database needs it."""
    precious = tmp_path / "precious"
    precious.write_bytes(b"words\0")
    magic, name = bytes.fromhex("d9d505f920a163d7"), str(precious).encode()
    head = (magic + struct.pack(">5I", 0, 1, path.stat().st_size // 4096, 512, 4096)).ljust(512, b"\0")
    ends = struct.pack(">I", 2**30 // 4096 + 1) + name + struct.pack(">2I", len(name), sum(name)) + magic
    path.with_name(f"{path.name}-journal").write_bytes(head + ends)

    with pytest.raises(ImportFilesError, match="db-journal names another file"):
        find_tables(path)
    assert precious.exists()


def test_a_journal_is_played_back_on_a_copy(path: Path, tmp_path: Path) -> None:
    """As a process that was killed in mid-transaction leaves it."""
    content = path.read_bytes()
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA cache_size = 1")  # changes go to the file before they are committed
        writer.execute("BEGIN")
        writer.execute("UPDATE points SET value = -1")
        killed = tmp_path / "killed.db"
        shutil.copy(path, killed)
        shutil.copy(f"{path}-journal", f"{killed}-journal")
        writer.execute("ROLLBACK")
    half = killed.read_bytes()
    assert half != content

    with open_database(killed) as connection:
        assert list(Rows(connection, "SELECT value FROM points")) == [(number,) for number in range(20_000)]
    assert killed.read_bytes() == half
