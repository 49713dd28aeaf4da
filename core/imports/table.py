"""Tables as text, comma- or tab-separated: which column is the step, the run and the time is guessed, or told.

An empty cell is a figure that was not logged in that row, or, as in tables of this lab, that was not finite: no point.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import IO

from core.imports.draft import Budget, Draft, count_left_out, parse_text
from core.imports.values import ForeignRun, Found, ImportFilesError
from core.system.files import DamagedFileError, open_regular
from core.text.safe import plain
from core.text.words import list_first

MAX_COLUMNS = 2000
MAX_LINE = 1_000_000  # characters
CONTEXT = "metric.context."
SAMPLE_ROWS = 200  # looked at to guess what the columns are
# In order of preference; compared without what is no letter or digit.
STEPS = ("step", "globalstep", "trainerglobalstep", "iteration", "iter", "steps", "epoch", "epochs", "round")
RUNS = ("runid", "runuuid", "runhash", "run", "runname", "experiment", "trial", "experimentname", "name", "id")
METRICS = ("metric", "metricname", "key", "tag", "variable")  # of tables with a row for each figure
TIMES = ("walltime", "timestamp", "time", "datetime", "date", "createdat")
_TEXTS = "cells that hold text"
_NO_TIMES = "times that are no moment since 1970"
_UNEVEN = "rows that have more or fewer cells than the table has columns"
_CHARTED, _BOUNDS = " - ", ("", "__MIN", "__MAX")  # how W&B names the columns of a chart
NOTHING = {"", "na", "n/a", "null", "none", "-"}
_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))  # a time since 1970 as large as this is in so many parts of a second
OLDEST = 1e8  # a smaller number is no time since 1970 but one since a run's start


@dataclass(frozen=True)
class TableColumns:
    """Which columns hold the step, the run and the time; "" leaves it to a guess."""

    step: str = ""
    run: str = ""
    time: str = ""


@dataclass
class Table:
    """A table whose rows are still to be read."""

    name: str
    columns: list[str]
    rows: Iterator[list[str]]
    sample: list[list[str]]
    comma: bool = False  # whether numbers are written with a decimal comma
    ends: list[str] = field(default_factory=list)  # the last line, once it was read

    def all_rows(self) -> Iterator[list[str]]:
        return chain(self.sample, self.rows)

    def read(self, cell: str) -> float | None:
        """The number in a cell, if it holds one."""
        try:
            return float(cell) if "_" not in cell else None  # Python reads 1_000 as a number
        except ValueError:
            pass
        try:
            return float(cell.replace(",", ".")) if self.comma else None
        except ValueError:
            return None

    def cells(self, index: int) -> list[str]:
        """Those of a column in the sample that are not empty."""
        cells = (row[index] for row in self.sample if len(row) > index)
        return [cell for cell in cells if cell.strip().lower() not in NOTHING]


def is_table(path: Path) -> bool:
    """Whether a file looks like a table with a column of numbers."""
    try:
        with open_regular(path) as file:
            table = open_table(file, path.name)
            return any(
                (cells := table.cells(index)) and all(table.read(cell) is not None for cell in cells)
                for index in range(len(table.columns))
            )
    except (ImportFilesError, DamagedFileError, OSError, UnicodeError):
        return False


def open_table(file: IO[bytes], name: str) -> Table:
    """Reads a table's head. Raises ImportFilesError if it is none."""
    head = file.read(65_536)
    file.seek(0)
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = io.TextIOWrapper(file, encoding, errors="replace", newline="")
    if b"\0" in head and encoding != "utf-16":
        raise ImportFilesError(f"{name} is no table: it is not text.")
    ends: list[str] = []
    lines = _read_lines(text, name, ends)
    first = next(lines, "")
    counts = {mark: first.count(mark) for mark in "\t;,"}
    mark = max(counts, key=lambda each: counts[each])
    rows = _read_rows(chain([first], lines), mark, name)
    columns = [cell.strip() for cell in next(rows, [])]
    if len(columns) < 2 or not any(columns):
        raise ImportFilesError(f"{name} is no table: its first line names no columns.")
    if len(columns) > MAX_COLUMNS:
        raise ImportFilesError(f"{name} has {len(columns):,} columns; at most {MAX_COLUMNS:,} are read.")
    if twice := [column for column, count in Counter(columns).items() if count > 1 and column]:
        raise ImportFilesError(f"{name} has two columns with the name {plain(twice[0][:80])}.")
    return Table(name, columns, rows, list(islice(rows, SAMPLE_ROWS)), mark == ";", ends)


def _read_lines(text: io.TextIOWrapper, name: str, ends: list[str]) -> Iterator[str]:
    ends.append("\n")
    while line := text.readline(MAX_LINE):
        if len(line) == MAX_LINE:
            raise ImportFilesError(f"{name} has a line of more than {MAX_LINE:,} characters.")
        ends[0] = line
        yield line


def _read_rows(lines: Iterator[str], mark: str, name: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(lines, delimiter=mark)
    except csv.Error as error:
        raise ImportFilesError(f"{name} is no table that can be read: {error}.") from error


# Which column is what -----------------------------------------------------------------------------------------------


def guess_columns(table: Table, told: TableColumns | None = None) -> TableColumns:
    """The columns that were told where the table has them, else those that their names and cells speak for."""
    told = told or TableColumns()
    step = _choose(table, told.step, STEPS, lambda cells: all(read_step(table, cell) is not None for cell in cells))
    time = _choose(table, told.time, TIMES, lambda cells: all(read_time(table, cell)[0] is not None for cell in cells))
    run = _choose(table, told.run, RUNS, lambda cells: _names_runs(table, cells))
    return TableColumns(step, run if run != step else "", time if time not in (step, run) else "")


def _choose(table: Table, told: str, names: Sequence[str], fits: Callable[[list[str]], bool]) -> str:
    if told and told in table.columns:  # a column may have no name, as that of the row numbers which pandas writes
        return told
    plain_names = {re.sub(r"[^a-z0-9]", "", column.lower()): index for index, column in enumerate(table.columns)}
    for name in names:
        if name in plain_names and (cells := table.cells(plain_names[name])) and fits(cells):
            return table.columns[plain_names[name]]
    return ""


def _names_runs(table: Table, cells: list[str]) -> bool:
    """Numbers that never come twice count rows."""
    return len(set(cells)) < len(cells) or any(table.read(cell) is None for cell in cells)


def _find_metric(table: Table, taken: TableColumns) -> int:
    """The column that names the figure in each row, beside one called "value"; -1 if each figure has its column."""
    names = [column.lower() for column in table.columns]
    metric = _choose(table, "", METRICS, lambda cells: all(table.read(cell) is None for cell in cells))
    return table.columns.index(metric) if metric and "value" in names and metric not in vars(taken).values() else -1


def read_step(table: Table, cell: str) -> int | None:
    """A whole number, also one that is written as 3.0."""
    try:
        return int(cell)
    except ValueError:
        number = table.read(cell)
        return int(number) if number is not None and number.is_integer() else None


def read_time(table: Table, cell: str) -> tuple[float | None, bool]:
    """Seconds since 1970, from a number or a date; and whether a zone was lacking, so that it is taken as UTC."""
    if (number := table.read(cell)) is not None:
        if not OLDEST <= number < math.inf:
            return None, False
        return number / next((parts for least, parts in _UNITS if number >= least), 1.0), False
    try:
        date = datetime.fromisoformat(cell.strip())
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp(), date.tzinfo is None
    except (ValueError, OverflowError):
        return None, False


# Rows ---------------------------------------------------------------------------------------------------------------


def read_table(path: Path, name: str, budget: Budget, told: TableColumns | None = None) -> Found:
    """The runs of a table that is called `name`. Raises ImportFilesError, OSError."""
    with open_regular(path) as file:
        table = open_table(file, path.name)
        if unknown := [
            column for column in vars(told or TableColumns()).values() if column not in ("", *table.columns)
        ]:
            raise ImportFilesError(
                f"{path.name} has no column {plain(unknown[0])!r}, only {plain(list_first(table.columns, 20))}."
            )
        columns = guess_columns(table, told)
        parts = [_Rows(table, name, columns, budget, part) for part in _find_parts(table, columns) or (None,)]
        uneven = 0
        for row in table.all_rows():
            if len(row) == len(table.columns):
                for part in parts:
                    part.take(row)
            else:
                uneven += bool(row)
    runs = tuple(run for part in parts for run in part.finish())
    if not runs:
        lost = count_left_out([{_UNEVEN: uneven} if uneven else {}, *(part.lost for part in parts)])
        reasons = list_first([f"{count:,} × {what}" for what, count in lost.items()], 8)
        why = f": {reasons}" if reasons else " below its first line"
        raise ImportFilesError(f"{path.name} holds no figures{why}.")
    left_out = count_left_out([{_UNEVEN: uneven} if uneven else {}, *(part.left_out for part in parts)])
    return Found(runs, left_out, tuple(table.columns), {"columns": vars(columns)})


@dataclass(frozen=True)
class _Part:
    """One run of a table in which each run has columns of its own: which they are, and of which figure."""

    run: str
    figures: dict[int, str]


def _find_parts(table: Table, columns: TableColumns) -> list[_Part]:
    """The runs of a chart of Weights & Biases, whose columns are called `run - figure`, `run - figure__MIN` and so on.

    None if it is another table.
    """
    names = set(table.columns)
    if columns.run or not any({f"{name}{end}" for end in _BOUNDS} <= names for name in names if _CHARTED in name):
        return []
    parts: dict[str, _Part] = {}
    for index, name in enumerate(table.columns):
        run, mark, figure = name.rpartition(_CHARTED)
        if mark and run and name not in vars(columns).values():
            parts.setdefault(run, _Part(run, {})).figures[index] = figure
    return list(parts.values())


class _Rows:
    """Takes rows one by one, and gives each figure to its run."""

    def __init__(self, table: Table, name: str, columns: TableColumns, budget: Budget, part: _Part | None) -> None:
        self.table, self.name, self.columns, self.budget, self.part = table, name, columns, budget, part
        self.left_out: Counter[str] = Counter()
        self._step, self._run, self._time = (
            table.columns.index(each) if each else -1 for each in (columns.step, columns.run, columns.time)
        )
        self._metric = _find_metric(table, columns)
        if self._metric >= 0:
            values = [index for index, column in enumerate(table.columns) if column.lower() == "value"]
        else:
            values = [i for i in range(len(table.columns)) if i not in (self._step, self._run, self._time)]
        # Beside a name in each row, as Aim writes them, stand what it was measured on, and the run's configuration.
        contexts = [index for index, column in enumerate(table.columns) if column.startswith(CONTEXT)]
        self._contexts = contexts if self._metric >= 0 else []
        known = {self._step, self._run, self._time, self._metric, *values, *contexts}
        self._others = [index for index in range(len(table.columns)) if index not in known and self._metric >= 0]
        self._values = [(index, table.columns[index] or f"column {index + 1}") for index in values]
        if part:
            self._values, self._others = list(part.figures.items()), []
        self._drafts: dict[str, Draft] = {}
        self._counts: Counter[str] = Counter()  # rows of each run
        self._texts: dict[tuple[str, str], set[str]] = {}
        self._without_zone = False

    def take(self, row: list[str]) -> None:
        if self.part and not any(row[index] for index in self.part.figures):
            return  # a row of other runs
        run = row[self._run].strip() if self._run >= 0 else ""
        draft = self._drafts.get(run) or self._open(run, row)
        if draft is None:
            return
        step: int | None = self._counts[run]
        if self._step >= 0 and (step := read_step(self.table, row[self._step])) is None:
            draft.left_out["rows without a step that is a whole number"] += 1
            return
        self._counts[run] += 1
        time = math.nan
        if self._time >= 0:
            found, lacks_zone = read_time(self.table, row[self._time])
            time = math.nan if found is None else found
            if found is None and row[self._time].strip().lower() not in NOTHING:
                draft.left_out[_NO_TIMES] += 1
            self._without_zone |= lacks_zone
        assert step is not None
        for index, name in self._values:
            cell = row[index]
            if not cell:
                continue
            number = self.table.read(cell)
            if number is not None:
                draft.log(self._name_figure(row) or name, step, number, time)
            elif cell.strip().lower() not in NOTHING:
                self._take_text(draft, run, name, cell)

        for index in self._others:
            seen = self._seen(run, self.table.columns[index])
            if len(seen) < 2:
                seen.add(row[index].strip())

    def _name_figure(self, row: list[str]) -> str:
        """The name of the figure that the row tells; "" in a table that has a column for each."""
        if self._metric < 0:
            return ""
        return "/".join([*(row[index] for index in self._contexts if row[index]), row[self._metric]])

    def _seen(self, run: str, column: str) -> set[str]:
        """Up to two different texts of a column, in the rows of a run."""
        seen = self._texts.get((run, column))
        if seen is None:
            seen = set[str]()
            if self.budget.keys > len(self._texts):  # each may become a key of the configuration
                self._texts[run, column] = seen
        return seen

    def _open(self, run: str, row: list[str]) -> Draft | None:
        if self._run >= 0 and not run:
            self.left_out["rows that name no run"] += 1
        elif self.budget.runs <= 0:
            self.left_out["rows of too many runs"] += 1
        else:
            self.budget.runs -= 1
            told = self.part.run if self.part else run
            key = "\n".join([self.name, *([told] if told else []), self._digest(row)])
            draft = Draft("csv", key, told or str(PurePosixPath(self.name).with_suffix("")), self.budget)
            self._drafts[run] = draft
            return draft
        return None

    def _digest(self, row: list[str]) -> str:
        """Of a run's first row: a table that has grown begins as it did, and others of its name, of which every project
        has a metrics.csv, begin otherwise. A column that came later is empty there."""
        known = {self._step, self._time, *self.part.figures} if self.part else range(len(row))
        cells = sorted((self.table.columns[index], row[index]) for index in known if index >= 0 and row[index].strip())
        return hashlib.sha256(repr(cells).encode(errors="replace")).hexdigest()[:16]

    def _take_text(self, draft: Draft, run: str, name: str, cell: str) -> None:
        seen = self._seen(run, name)
        if len(seen) < 2:
            seen.add(cell.strip())
        draft.left_out[_TEXTS] += 1

    @property
    def lost(self) -> dict[str, int]:
        """All that is left out, also of rows that make no run."""
        return count_left_out([self.left_out, *(draft.left_out for draft in self._drafts.values())])

    def finish(self) -> tuple[ForeignRun, ...]:
        for (run, name), seen in self._texts.items():
            draft = self._drafts[run]
            # A text that is the same in all rows tells of the run.
            if len(seen) == 1 and name not in draft.names():
                text = next(iter(seen))
                if self._metric < 0:
                    draft.configure({name: text})
                    draft.left_out[_TEXTS] -= self._counts[run]
                elif text and text != "nan":  # as pandas writes a key that other runs have
                    draft.configure({name: parse_text(text)})
        last = self.table.ends[0]
        for draft in self._drafts.values():
            draft.left_out = Counter({what: count for what, count in draft.left_out.items() if count > 0})
            if self._step < 0:
                draft.remark(f"{self.table.name}: no column is known to be the step, so rows are counted from 0.")
            if self._without_zone:
                draft.remark(f"{self.table.name}: its times name no zone and are taken as UTC.")
            if not last.endswith(("\n", "\r")):
                draft.remark(f"{self.table.name}: its last line has no end, so its last figure may be cut short.")
        return tuple(draft.finish() for draft in self._drafts.values() if not draft.is_empty())
