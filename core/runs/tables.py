"""Tables for spreadsheets: text that no spreadsheet reads as a formula, and the metrics of runs, one row an epoch."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from core.runs.folder import Run
from core.text.safe import plain_cell


def write_metrics(runs: Sequence[Run]) -> str:
    """The columns of the metrics, accuracies 0 to 1, empty if a figure was not finite.

    One run: a row an epoch. Several: all rows below each other, each with the id and name of its run first.
    """
    several = len(runs) > 1
    columns = list(dict.fromkeys(key for run in runs for row in run.rows() for key in row if key != "not_finite"))
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([*(("run", "name") if several else ()), *map(plain_cell, columns)])
    for run in runs:
        who = (run.id, plain_cell(run.about.name)) if several else ()
        writer.writerows([*who, *(row.get(column) for column in columns)] for row in run.rows())
    return buffer.getvalue()
