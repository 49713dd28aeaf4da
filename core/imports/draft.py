"""A run of another tool while its files are read: points in flat arrays, and how much files of strangers may hold."""

from __future__ import annotations

import json
import re
import time
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from core.imports.values import ForeignRun, ForeignState, Format, Scalar, Series
from core.system.names import readable

MAX_POINTS = 20_000_000  # of all that is read at once: half a gigabyte
MAX_RUNS = 10_000
MAX_SERIES = 500_000  # of all runs: each takes a kilobyte, however few its points are
MAX_ALL_KEYS = 500_000  # of all configurations
MAX_ZIPS = 200
MAX_UNPACKED = 8_000_000_000  # bytes of all zips
MAX_SECONDS = 600.0  # of reading: each file takes a bounded time, and there may be many
MAX_NAMES = 10_000  # of series in a run
MAX_NAME_BYTES = 1000
MAX_KEYS = 10_000  # of a configuration
MAX_TEXT = 10_000  # characters of a value or note
MAX_DEPTH = 20  # of a nested configuration
MAX_REMARKS = 100
MAX_KINDS = 100  # of what is left out
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1

LONG_NAMES = "series with no name or too long a one"
MANY_NAMES = f"points of more than {MAX_NAMES:,} series"
MANY_RUNS = "runs beyond the most that are read at once"
MANY_POINTS = f"points beyond {MAX_POINTS:,}"
MANY_SERIES = f"points of more than {MAX_SERIES:,} series in all runs"
HUGE_STEPS = "points at steps that 64 bits do not hold"
MANY_KEYS = f"keys of a configuration beyond {MAX_KEYS:,}, or of all beyond {MAX_ALL_KEYS:,}"


class Budget:
    """What may still be read at once, shared by all runs."""

    def __init__(self) -> None:
        self.points = MAX_POINTS
        self.runs = MAX_RUNS
        self.series = MAX_SERIES
        self.keys = MAX_ALL_KEYS
        self.zips = MAX_ZIPS
        self.unpacked = MAX_UNPACKED
        self._until = time.monotonic() + MAX_SECONDS

    def is_late(self) -> bool:
        return time.monotonic() > self._until


Columns = tuple["array[int]", "array[float]", "array[float]"]


class Draft:
    """One run that grows as its files are read."""

    def __init__(self, format: Format, key: str, name: str, budget: Budget) -> None:
        self.format, self.key, self.name, self.budget = format, readable(key), readable(name), budget
        self.results: dict[str, float] = {}
        self.configuration: dict[str, Scalar] = {}
        self.tags: list[str] = []
        self.note = ""
        self.state: ForeignState = "unknown"
        self.started: float | None = None
        self.ended: float | None = None
        self.left_out: Counter[str] = Counter()
        self.remarks: list[str] = []
        self._columns: dict[str, Columns | None] = {}

    def log(self, name: str, step: int, value: float, time: float) -> None:
        """Adds a point; `time` is NaN where the format keeps none."""
        columns = self._columns[name] if name in self._columns else self._open(name)
        if columns is None:
            return
        if self.budget.points <= 0:
            self.left_out[MANY_POINTS] += 1
            return
        if not _LOWEST <= step <= _HIGHEST:
            self.left_out[HUGE_STEPS] += 1
            return
        self.budget.points -= 1
        columns[0].append(step)
        columns[1].append(value)
        columns[2].append(time)

    def _open(self, name: str) -> Columns | None:
        if not name or len(name.encode(errors="replace")) > MAX_NAME_BYTES:
            self.left_out[LONG_NAMES] += 1
        elif len(self._columns) >= MAX_NAMES:
            self.left_out[MANY_NAMES] += 1
            return None
        elif self.budget.series <= 0:
            self.left_out[MANY_SERIES] += 1
            return None
        else:
            self.budget.series -= 1
            columns = self._columns[name] = (array("q"), array("d"), array("d"))
            return columns
        if len(self._columns) < MAX_NAMES:
            self._columns[name] = None
        return None

    def configure(self, values: Mapping[Any, Any], prefix: str = "", depth: int = 0) -> None:
        """Adds to the configuration: nested keys joined by ".", lists as JSON."""
        for key, value in values.items():
            path = readable(f"{prefix}{key}")
            if isinstance(value, Mapping) and value and depth < MAX_DEPTH:
                self.configure(value, f"{path}.", depth + 1)
            elif len(path.encode()) > MAX_NAME_BYTES:
                self.left_out["keys that are too long"] += 1
            elif path not in self.configuration and (len(self.configuration) >= MAX_KEYS or self.budget.keys <= 0):
                self.left_out[MANY_KEYS] += 1
            else:
                self.budget.keys -= path not in self.configuration
                self.configuration[path] = to_scalar(value)

    def leave_out(self, kind: str) -> None:
        """Counts something that is not taken, of a kind that a file may name as it likes."""
        known = kind in self.left_out or len(self.left_out) < MAX_KINDS
        self.left_out[readable(kind) if known else "values of other types"] += 1

    def remark(self, sentence: str) -> None:
        if len(self.remarks) < MAX_REMARKS:
            self.remarks.append(readable(sentence))

    def is_empty(self) -> bool:
        return not (self.names() or self.results or self.configuration)

    def names(self) -> list[str]:
        return [name for name, columns in self._columns.items() if columns and columns[0]]

    def finish(self) -> ForeignRun:
        """The run as it stands."""
        series = {}
        for name in self.names():
            steps, values, times = self._columns.pop(name) or ()  # type: ignore[misc]
            series[readable(name)] = Series(
                np.frombuffer(steps, np.int64), np.frombuffer(values, np.float64), np.frombuffer(times, np.float64)
            )
        return ForeignRun(
            format=self.format,
            key=self.key,
            name=self.name,
            series=series,
            results=self.results,
            configuration=self.configuration,
            tags=tuple(self.tags),
            note=self.note[:MAX_TEXT],
            state=self.state,
            started=self.started,
            ended=self.ended,
            left_out=dict(self.left_out),
            remarks=tuple(self.remarks),
        )


def to_scalar(value: Any) -> Scalar:
    """A value of a configuration as one that can be shown and compared: what is no single value is its JSON."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if _LOWEST <= value <= _HIGHEST else f"{value:#x}"
    if not isinstance(value, str):
        value = json.dumps(value, default=str, ensure_ascii=False)
    return readable(value[:MAX_TEXT])


_INT, _FLOAT = re.compile(r"-?(0|[1-9][0-9]{0,17})"), re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORDS = {"True": True, "true": True, "False": False, "false": False, "None": None, "null": None}


def parse_text(text: str) -> Scalar:
    """A value that a tool keeps as text, as what it was: `1.10`, which no number is written as, stays text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and ("e" in text.lower() or repr(float(text)) == text):
        return float(text)
    return to_scalar(text)


def count_left_out(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Several counts as one."""
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return dict(total)
