"""SQLite files of other tools, opened so that nothing in or beside them changes and no query runs for ever."""

from __future__ import annotations

import os
import shutil
import sqlite3
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from core.imports.values import ImportFilesError
from core.system.files import open_regular

MAGIC = b"SQLite format 3\0"
MAX_VALUE_BYTES = 10_000_000
MAX_SECONDS = 120  # of reading one file: a table may be defined so that each row takes for ever to work out
_STEPS = 100_000  # of SQLite's machine between two looks at the clock
# Beside a database whose last change is not in it yet: how its name goes on.
JOURNALS = ("-wal", "-journal")
BESIDE = (*JOURNALS, "-shm")
_HEAD = struct.Struct(">16xH6xII60xI4x")  # bytes of a page, changes, pages, the change at which that was true
# Ends a journal that names another file (sqlite.org/fileformat2.html). SQLite would delete that one: whatever it is.
_NAMES_A_FILE = bytes.fromhex("d9d505f920a163d7")


# SQLite's own words on what is damaged hold parts of it, which Python reads as UTF-8.
_DAMAGE = (sqlite3.Error, UnicodeDecodeError)
_NO_ROW = (*_DAMAGE, OverflowError)


def _tell(error: Exception) -> str:
    return "it holds text that is no UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)[:200]


@contextmanager
def open_database(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that only reads. Raises ImportFilesError, OSError.

    With a journal beside it the file alone is not what was last written: then a copy of both is read. Of a file that
    was cut a copy of its whole pages is read: SQLite itself opens it no more, or takes what is missing for zeros.
    """
    journals = _find_journals(path)
    pages, page_bytes = (0, 0) if journals else _measure(path)
    cut = path.stat().st_size < pages * page_bytes
    with tempfile.TemporaryDirectory(prefix="import-") as folder:
        target = path
        if journals or cut:
            target = Path(folder, "copy.db")
            shutil.copyfile(path, target)
            for each in journals:
                _copy_journal(each, target.with_name(target.name + each.name.removeprefix(path.name)))
        if cut:
            os.truncate(target, path.stat().st_size // page_bytes * page_bytes)
        options = "mode=rw" if journals else "mode=ro&immutable=1"
        try:
            with closing(sqlite3.connect(f"{target.absolute().as_uri()}?{options}", uri=True)) as connection:
                if cut:  # then SQLite opens a file that is shorter than it says; nothing can be written nonetheless
                    connection.execute("PRAGMA writable_schema = ON")
                _restrict(connection)
                yield connection
        except _DAMAGE as error:
            raise ImportFilesError(f"{path.name} is a damaged database: {tell_cut(path) or _tell(error)}.") from error


def tell_cut(path: Path) -> str:
    """How much of a file that was cut is there, or "": its first page says how many there are. Raises OSError."""
    size, (pages, page_bytes) = path.stat().st_size, _measure(path)
    if _find_journals(path) or size >= pages * page_bytes:
        return ""
    return f"cut short: {size:,} of its {pages * page_bytes:,} bytes are there"


def _find_journals(path: Path) -> list[Path]:
    beside = [each for ending in JOURNALS if (each := path.with_name(path.name + ending)).is_file()]
    return [each for each in beside if each.stat().st_size and not each.is_symlink()]


def _measure(path: Path) -> tuple[int, int]:
    """How many pages a file says that it has, and the bytes of each; zeros where it does not tell.

    https://www.sqlite.org/fileformat2.html#the_database_header
    """
    with open_regular(path) as file:
        head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return 0, 0
    page_bytes, changes, pages, valid_for = _HEAD.unpack(head)
    page_bytes = 65_536 if page_bytes == 1 else page_bytes
    is_told = changes == valid_for and page_bytes >= 512 and not page_bytes & (page_bytes - 1)
    return (pages, page_bytes) if is_told else (0, 0)


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
        except _NO_ROW as error:
            # Python asks for the next row before it hands one out, and loses that one where there is no next.
            with suppress(*_NO_ROW):
                for row in self._connection.execute(f"{self._query} LIMIT 1 OFFSET {self.count}"):
                    self.count += 1
                    yield row
            self.damage = f"damaged after {self.count:,} rows ({_tell(error)})"


def is_number(value: Any) -> bool:
    """SQLite keeps whatever it is given: a column of numbers may hold text."""
    return isinstance(value, int | float)
