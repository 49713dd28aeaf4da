"""SQLite files of other tools, opened so that nothing in or beside them changes and no query runs for ever."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from core.imports.values import ImportFilesError

MAGIC = b"SQLite format 3\0"
MAX_VALUE_BYTES = 10_000_000
MAX_SECONDS = 120  # of reading one file: a table may be defined so that each row takes for ever to work out
_STEPS = 100_000  # of SQLite's machine between two looks at the clock
# Beside a database whose last change is not in it yet: how its name goes on.
JOURNALS = ("-wal", "-journal")
BESIDE = (*JOURNALS, "-shm")
# Ends a journal that names another file (sqlite.org/fileformat2.html). SQLite would delete that one: whatever it is.
_NAMES_A_FILE = bytes.fromhex("d9d505f920a163d7")


# SQLite's own words on what is damaged hold parts of it, which Python reads as UTF-8.
_DAMAGE = (sqlite3.Error, UnicodeDecodeError)


def _tell(error: Exception) -> str:
    return "it holds text that is no UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)[:200]


@contextmanager
def open_database(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that only reads. Raises ImportFilesError, OSError.

    With a journal beside it the file alone is not what was last written: then a copy of both is read.
    """
    journals = [each for ending in JOURNALS if (each := path.with_name(path.name + ending)).is_file()]
    journals = [each for each in journals if each.stat().st_size and not each.is_symlink()]
    with tempfile.TemporaryDirectory(prefix="import-") as folder:
        target = path
        if journals:
            target = Path(folder, "copy.db")
            shutil.copyfile(path, target)
            for each in journals:
                _copy_journal(each, target.with_name(target.name + each.name.removeprefix(path.name)))
        options = "mode=rw" if journals else "mode=ro&immutable=1"
        try:
            with closing(sqlite3.connect(f"{target.absolute().as_uri()}?{options}", uri=True)) as connection:
                _restrict(connection)
                yield connection
        except _DAMAGE as error:
            raise ImportFilesError(f"{path.name} is a damaged database: {_tell(error)}.") from error


def _copy_journal(journal: Path, target: Path) -> None:
    shutil.copyfile(journal, target)
    with open(target, "rb") as file:
        file.seek(-min(len(_NAMES_A_FILE), os.path.getsize(target)), os.SEEK_END)
        names_a_file = file.read() == _NAMES_A_FILE
    if names_a_file:
        raise ImportFilesError(f"{journal.name} names another file, which no journal of these tools does: not read.")


def _restrict(connection: sqlite3.Connection) -> None:
    deadline = time.monotonic() + MAX_SECONDS
    connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
    connection.text_factory = lambda content: content.decode("utf-8", "replace")
    for pragma in ("trusted_schema = OFF", "query_only = ON", "cell_size_check = ON", "mmap_size = 0"):
        connection.execute(f"PRAGMA {pragma}")


def list_tables(connection: sqlite3.Connection) -> dict[str, set[str]]:
    """The columns of each ordinary table, without those that are worked out; no views, no virtual tables."""
    tables = connection.execute(
        "SELECT name FROM pragma_table_list WHERE type = 'table' AND schema = 'main'"
    ).fetchall()
    return {
        name: {column for (column,) in connection.execute("SELECT name FROM pragma_table_info(?)", (name,))}
        for (name,) in tables
    }


def find_tables(path: Path) -> dict[str, set[str]]:
    """The tables of a file. Raises ImportFilesError, OSError."""
    with open_database(path) as connection:
        return list_tables(connection)


class Rows:
    """The rows of a query as far as they can be read; `damage` says afterwards why not all were."""

    def __init__(self, connection: sqlite3.Connection, query: str) -> None:
        self._connection, self._query, self.damage, self.count = connection, query, "", 0

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        try:
            for row in self._connection.execute(self._query):
                self.count += 1
                yield row
        except (*_DAMAGE, OverflowError) as error:
            self.damage = f"damaged after {self.count:,} rows ({_tell(error)})"


def is_number(value: Any) -> bool:
    """SQLite keeps whatever it is given: a column of numbers may hold text."""
    return isinstance(value, int | float)
