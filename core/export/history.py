"""The figures of runs as the tables that Weights & Biases and MLflow write of theirs; docs/EXPORT.md says from where.

W&B's `run.history()`: `_step`, a column a figure, `_runtime` (seconds), `_timestamp` (seconds since 1970). MLflow's
download of a metric chart: `run_id`, `key`, `value`, `timestamp` (milliseconds since 1970), `step`, a row a point.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.export.formats import Order
from core.export.points import Moment, find_start, list_moments, open_with_points, read_results
from core.runs.folder import Run
from core.text.safe import plain_cell

MLFLOW_COLUMNS = ("run_id", "key", "value", "timestamp", "step")


def write_wandb(order: Order, path: Path) -> str:
    (run,) = open_with_points(order.ids)
    moments, start = _by_step(run), find_start(run)
    names = list(dict.fromkeys(name for moment in moments for name in moment.values))
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["_step", *map(plain_cell, names), "_runtime", "_timestamp"])
        for moment in moments:
            times = ("", "") if math.isnan(moment.time) else (max(moment.time - start, 0.0), moment.time)
            writer.writerow([moment.step, *(_spell(moment.values.get(name)) for name in names), *times])
    return ""


def write_mlflow(order: Order, path: Path) -> str:
    runs = open_with_points(order.ids)
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(MLFLOW_COLUMNS)
        for run in runs:
            writer.writerows(_list_points(run))
    return "" if len(runs) == len(order.ids) else f"{len(order.ids) - len(runs)} that have logged nothing are left out."


def _list_points(run: Run) -> Iterator[tuple[Any, ...]]:
    moments = list_moments(run)
    last = moments[-1] if moments else Moment(0, math.nan)
    for moment in [*moments, Moment(last.step, last.time, read_results(run))]:
        stamp = "" if math.isnan(moment.time) else round(moment.time * 1000)
        for name, value in moment.values.items():
            yield run.id, plain_cell(name), _spell(value), stamp, moment.step


def _by_step(run: Run) -> list[Moment]:
    """A row for each step, as W&B has it; where a figure repeats in a step there is another."""
    rows: list[Moment] = []
    for moment in sorted(list_moments(run), key=lambda moment: moment.step):
        same = rows and rows[-1].step == moment.step and not rows[-1].values.keys() & moment.values.keys()
        if not same:
            rows.append(Moment(moment.step, moment.time))
        rows[-1].values.update(moment.values)
        rows[-1].time = moment.time
    return rows


def _spell(value: float | None) -> str:
    """As pandas, Python and JavaScript read it: the shortest text that gives the same number."""
    if value is None:
        return ""
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return "NaN" if math.isnan(value) else repr(value)
