from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from core.imports.table import TableColumns
from core.imports.values import ForeignRun, Found, ImportFilesError
from core.runs.series import Series


def read_path(path: Path, *, columns: TableColumns | None = None) -> Found:
    paths = sorted(path.rglob("*.csv")) if path.is_dir() else [path]
    if not paths or not paths[0].is_file():
        raise ImportFilesError(f"{path.name}: nothing here is a run of a tool that is read.")
    runs, names = [], []
    for each in paths:
        with open(each, newline="") as file:
            rows = list(csv.DictReader(file))
        names = list(rows[0]) if rows else []
        step = columns.step if columns and columns.step else names[0]
        steps = np.array([int(row[step]) for row in rows])
        nothing = np.full(len(rows), np.nan)
        series = {
            name: Series(steps, np.array([float(row[name] or "nan") for row in rows]), nothing)
            for name in names
            if name != step
        }
        runs.append(ForeignRun("csv", each.name, each.stem, series))
    return Found(tuple(runs), {"files that hold no run": 0} if not paths else {}, tuple(names))
