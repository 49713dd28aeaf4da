"""A run's metrics as they grow: each read takes only what the worker has appended since the last."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from core.runs import layout
from core.runs.shapes import find_row_fault
from core.system.files import DamagedFileError, open_regular, read_constant

if TYPE_CHECKING:
    import pandas as pd

MAX_KEPT_ROWS = 150_000  # over all runs; the least recently read are forgotten first
MANY_LINES = 100
MAX_BYTES = 256_000_000  # about a million epochs
MAX_LINE_BYTES = 1_000_000
# A change within the same tick of the file system's clock would leave the same time behind.
SETTLED_NS = 200_000_000


@dataclass
class _Read:
    """What was read of one file: up to which byte, and the last line, by which a rewritten file is noticed."""

    offset: int = 0
    last_line: bytes = b""
    lines: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    fault: str = ""  # of the first row after them that holds something else than figures
    faulty: tuple[int, int] | None = None  # time and size of the file that has it


_reads: OrderedDict[str, _Read] = OrderedDict()
_kept = 0  # rows in all of them
_lock = threading.Lock()


def read_rows(path: Path) -> list[dict[str, Any]]:
    """All rows of a metrics file, oldest first, up to one with a fault. Do not change the list."""
    return _read(path).rows


def find_fault(path: Path) -> str:
    """What is wrong with the first row that holds something else than figures; empty if there is none."""
    return _read(path).fault


def _read(path: Path) -> _Read:
    global _kept
    with _lock:
        known = _reads.pop(str(path), None) or _Read()
        _kept -= len(known.rows)
        try:
            _read_on(path, known)
        except FileNotFoundError:
            return _Read()
        except DamagedFileError as error:
            return _Read(fault=str(error))
        except OSError as error:
            return _Read(fault=f"{path.name} cannot be read: {error.strerror}")
        _reads[str(path)] = known
        _kept += len(known.rows)
        while _kept > MAX_KEPT_ROWS and len(_reads) > 1:
            _kept -= len(_reads.popitem(last=False)[1].rows)
        return known


def _read_on(path: Path, known: _Read) -> None:
    with open_regular(path, MAX_BYTES) as file:
        stamp = _stamp(file.fileno())
        if known.fault and stamp and stamp == known.faulty:
            return
        before = os.pread(file.fileno(), len(known.last_line), known.offset - len(known.last_line))
        # A resumed run goes back to its checkpoint and writes the later epochs again; a fault may be mended anywhere.
        if known.fault or before != known.last_line:
            known.offset, known.last_line, known.lines, known.rows, known.fault = 0, b"", 0, [], ""
        known.faulty = stamp
        file.seek(known.offset)
        content = file.read()
    # The last line may be half written: the worker is still appending.
    whole = content[: content.rfind(b"\n") + 1]
    lines = whole.splitlines(keepends=True)
    if len(content) - len(whole) > MAX_LINE_BYTES:
        known.fault = f"{path.name}, line {known.lines + len(lines) + 1}: is no line of figures, but over 1 MB long"
    if not lines:
        return
    rows = []
    for number, row in enumerate(_parse_lines(lines), known.lines + 1):
        if row is not None and (fault := find_row_fault(row)):
            known.fault = f"{path.name}, line {number}: {fault}"
            break
        rows += [row] if row is not None else []
    # A new list, so that a holder of the old one sees it unchanged.
    known.rows = known.rows + rows
    known.offset += len(whole)
    known.last_line, known.lines = lines[-1], known.lines + len(lines)


def _stamp(fd: int) -> tuple[int, int] | None:
    """Time and size of a file; None if it changed so lately that another change might leave the same behind."""
    found = os.fstat(fd)
    return (found.st_mtime_ns, found.st_size) if abs(time.time_ns() - found.st_mtime_ns) > SETTLED_NS else None


def stamp_epochs(folder: Path) -> list[int]:
    """What changes with every epoch of a run and with its end, by two looks at its folder."""
    stamp = []
    for name in (layout.METRICS, layout.END):
        with suppress(OSError):
            found = os.stat(folder / name)
            stamp += [found.st_mtime_ns, found.st_size]
    return stamp


def _parse_lines(lines: list[bytes]) -> list[dict[str, Any] | None]:
    """The row of each line; None if it holds none."""
    if len(lines) >= MANY_LINES:
        # As one array they are read four times as fast, and share the strings of their keys.
        with suppress(ValueError, RecursionError):
            rows = json.loads(b"[" + b",".join(lines) + b"]", parse_constant=read_constant)
            if len(rows) == len(lines) and all(type(row) is dict for row in rows):
                return list(rows)
    return [_parse(line) for line in lines]


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line, object_pairs_hook=_share_keys, parse_constant=read_constant)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _share_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """All rows name their columns by the same strings: half the memory."""
    return {sys.intern(key): value for key, value in pairs}


def forget(path: Path) -> None:
    """Frees the rows of a file that is not likely to be read again soon."""
    global _kept
    with _lock:
        if known := _reads.pop(str(path), None):
            _kept -= len(known.rows)


def thin_out(values: list[float | None], count: int) -> list[float]:
    """At most `count` of the values, evenly picked, always with the last; gaps are left out."""
    known = [value for value in values if value is not None]
    if len(known) <= count:
        return known
    return [known[round(index * (len(known) - 1) / (count - 1))] for index in range(count)]


def best_epoch(metrics: pd.DataFrame) -> int | None:
    """The epoch of the highest validation accuracy, of equal ones that with the lower validation loss."""
    known = metrics.reindex(columns=["epoch", "val/accuracy", "val/loss"])  # a file of others may lack some
    index = find_best(known["val/accuracy"].to_numpy(dtype=float), known["val/loss"].to_numpy(dtype=float))
    if index is not None and np.isnan(known["epoch"].iloc[index]):
        return index + 1
    return None if index is None else int(metrics["epoch"].iloc[index])


def find_best(accuracy: npt.NDArray[np.float64], loss: npt.NDArray[np.float64]) -> int | None:
    """The index of the best epoch by these figures on validation, (epochs,) each."""
    if not len(accuracy) or np.isnan(accuracy).all():
        return None
    highest = np.flatnonzero(accuracy == np.nanmax(accuracy))
    losses = loss[highest]
    return int(highest[np.nanargmin(losses)] if not np.isnan(losses).all() else highest[0])
