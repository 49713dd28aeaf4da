"""What a run notes between its epochs, in files of at most 1,000 lines: its losses by step, its use of the machine."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.runs import metrics

STEP_FIELDS = ("step", "epochs", "seconds", "images", "loss", "right")
USE_FIELDS = ("sample", "seconds")
MAX_KNOWN = 64  # files

Rows = list[dict[str, Any]]


@dataclass(frozen=True, eq=False)
class Notes:
    """Rows with the names of a run's metrics, oldest first, and what is wrong with the first line that is left out.

    The same object as before comes back until the file changes. Do not change the rows.
    """

    rows: Rows
    fault: str = ""


_known: dict[Path, tuple[Rows, str, Notes]] = {}
_lock = threading.Lock()


def read_steps(path: Path) -> Notes:
    """Means over the images since the row before, with `epoch` as a fraction; None where a sum is not known."""
    return _read(path, STEP_FIELDS, to_means)


def read_use(path: Path) -> Notes:
    """Use of the device and memory, by seconds of training."""
    return _read(path, USE_FIELDS, _to_columns)


def _read(path: Path, fields: tuple[str, ...], convert: Callable[[Rows], Rows]) -> Notes:
    rows, fault = metrics.read_rows(path), metrics.find_fault(path)
    with _lock:
        known = _known.pop(path, None)
        if known is None or known[0] is not rows or known[1] != fault:
            sound, broken = keep_sound(rows, fields)
            known = rows, fault, Notes(convert(sound), f"{path.name}, {broken}" if broken else fault)
        _known[path] = known
        while len(_known) > MAX_KNOWN:
            _known.pop(next(iter(_known)))
        return known[2]


def keep_sound(rows: Rows, fields: tuple[str, ...]) -> tuple[Rows, str]:
    """The rows up to the first that lacks a field or whose number does not rise, and what is wrong with that one."""
    last = 0.0
    for index, row in enumerate(rows):
        missing = [name for name in fields if row.get(name, "") == ""]
        if missing:
            return rows[:index], f"row {index + 1}: {missing[0]} is missing"
        number = row[fields[0]]
        if number is None or number <= last:
            return rows[:index], f"row {index + 1}: {fields[0]} must rise from one to the next"
        last = number
    return rows, ""


def to_means(rows: Rows) -> Rows:
    """Sums since the first update as means since the row before."""
    means = []
    before: dict[str, Any] = {"images": 0, "loss": 0.0, "right": 0.0}
    for row in rows:
        images = (row["images"] or 0) - (before["images"] or 0)
        means.append(
            {
                "step": row["step"],
                "epoch": row["epochs"],
                "seconds": row["seconds"],
                "train/loss": _mean(row["loss"], before["loss"], images),
                "train/accuracy": _mean(row["right"], before["right"], images),
            }
        )
        before = row
    return means


def _mean(now: float | None, before: float | None, images: int) -> float | None:
    return None if now is None or before is None or images <= 0 else (now - before) / images


def _to_columns(rows: Rows) -> Rows:
    return [
        {"seconds": row["seconds"]} | {f"system/{key}": value for key, value in row.items() if key not in USE_FIELDS}
        for row in rows
    ]
