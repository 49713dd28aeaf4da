"""What a reader finds in the files of another tool: runs as plain values, whatever the tool was."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from core.runs.records import ForeignState as ForeignState
from core.runs.records import Scalar as Scalar
from core.runs.series import Series as Series
from core.system.errors import LabError

Format = Literal["tensorboard", "wandb", "mlflow", "trackio", "dvclive", "swanlab", "clearml", "csv", "script"]

# Tools that give each run an id of its own: what has one id is one run, wherever it lies.
WITH_IDS: frozenset[Format] = frozenset(["wandb", "mlflow", "swanlab", "clearml"])


class ImportFilesError(LabError, ValueError):
    """The files cannot be read as runs; the message names the file and says why."""


@dataclass(frozen=True)
class ForeignRun:
    """A run of another tool. What its format does not keep is empty, never invented."""

    format: Format
    key: str  # the same for the same run each time its files are read, whatever was added since
    name: str
    series: dict[str, Series]
    results: dict[str, float] = field(default_factory=dict)  # single values, such as a summary's
    configuration: dict[str, Scalar] = field(default_factory=dict)  # nested keys joined by "."
    tags: tuple[str, ...] = ()
    note: str = ""
    state: ForeignState = "unknown"
    started: float | None = None  # seconds since 1970
    ended: float | None = None
    left_out: dict[str, int] = field(default_factory=dict)  # what was not taken, by its kind and why: how many
    remarks: tuple[str, ...] = ()  # such as "events.out…: cut short after 812 records"


def count_points(run: ForeignRun) -> int:
    return sum(map(len, run.series.values()))


@dataclass(frozen=True)
class Found:
    """What a file or folder holds."""

    runs: tuple[ForeignRun, ...]
    left_out: dict[str, int] = field(default_factory=dict)  # files and runs, by reason
    # Of a table: all its columns, from which people choose the step's and the run's.
    columns: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)  # such as the tool's version
