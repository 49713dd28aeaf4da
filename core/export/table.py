"""The metrics of runs as a table for spreadsheets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.export.formats import ExportError, Order
from core.runs.folder import Run
from core.runs.store import open_run
from core.runs.tables import write_metrics


def write_table(order: Order, path: Path) -> str:
    path.write_text(write_metrics(open_with_epochs(order.ids)), encoding="utf-8", newline="")
    return ""


def open_with_epochs(ids: Sequence[str]) -> list[Run]:
    """The runs that have curves. Raises ExportError if none has, RunNotFoundError."""
    runs = [run for run in map(open_run, ids) if run.rows()]
    if not runs:
        raise ExportError("No epoch has ended yet, so there are no curves to take away.")
    return runs
