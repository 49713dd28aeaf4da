"""Folders of DVCLive: a table for each figure below `plots/metrics`, and `params.yaml`.

`metrics.json` beside them is left alone: it has only the last values, and not all of them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from core.imports.draft import Budget, Draft
from core.imports.values import ForeignRun
from core.imports.yaml_files import read_yaml
from core.system.files import open_regular

TABLES = "plots/metrics/"
MAX_LINE = 10_000
_BAD_ROWS = "rows that are no point"


def read_folder(root: str, name: str, files: Mapping[str, Path], budget: Budget) -> list[ForeignRun]:
    """The run in the folder `root`, to be shown as `name`; its files by their names in it. Raises OSError."""
    draft = Draft("dvclive", root, name, budget)
    if "params.yaml" in files:
        values, draft.remarks = read_yaml(files["params.yaml"])
        draft.configure(values)
    for each, path in sorted(files.items()):
        if each.startswith(TABLES) and each.endswith(".tsv"):
            _read_table(path, each.removeprefix(TABLES).removesuffix(".tsv"), draft)
        elif each.startswith("plots/"):
            draft.left_out["images and other plots"] += 1
    if draft.is_empty():
        return []
    run = draft.finish()
    return [replace(run, key=f"{root}{_digest(run)}")]


def _digest(run: ForeignRun) -> str:
    """Each run of a project writes to the same folder and has no id: parameters and first point tell it from the next.

    A run that has grown still begins as it did.
    """
    first = min(((int(each.steps[0]), name, float(each.values[0])) for name, each in run.series.items()), default=None)
    told = repr((sorted(run.configuration.items()), first))
    return hashlib.sha256(told.encode(errors="replace")).hexdigest()[:16]


def _read_table(path: Path, figure: str, draft: Draft) -> None:
    with open_regular(path) as file:
        first = file.readline(MAX_LINE)
        header = first.decode("utf-8", "replace").rstrip("\r\n").split("\t")
        if not first.endswith(b"\n"):
            draft.remark(f"{path.name}: cut short in its first line; it holds no point.")
            return
        values = [column for column in header if column not in ("step", "timestamp")]
        if "step" not in header or len(values) != 1:
            draft.remark(f"{path.name}: left out, as its columns are {', '.join(header)[:200]}.")
            return
        for line in iter(lambda: file.readline(MAX_LINE), b""):
            cells = line.decode("utf-8", "replace").rstrip("\r\n").split("\t")
            columns = header
            if len(cells) == len(header) + 1 and "timestamp" not in header:
                # The header is that of the first row; a time that came later stands in front.
                columns = ["timestamp", *header]
            row = dict(zip(columns, cells, strict=False))
            try:
                step, value = int(row["step"]), float(row[values[0]])
                time = int(row["timestamp"]) / 1000 if "timestamp" in row else math.nan
            except (KeyError, ValueError, OverflowError):
                draft.left_out[_BAD_ROWS] += 1
                continue
            if len(cells) != len(columns):
                draft.left_out[_BAD_ROWS] += 1
            elif not line.endswith(b"\n"):
                draft.remark(f"{path.name}: cut short; its last row is left out.")
            else:
                draft.log(figure, step, value, time)
