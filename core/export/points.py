"""All that a run has logged as points, whatever logged it: what is exported as TensorBoard's, W&B's or MLflow's."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from core.compare.snapshot import finite
from core.export.formats import ExportError
from core.runs.branches import read_branch
from core.runs.folder import Run
from core.runs.store import open_run
from core.system import files

_AXES = ("step", "seconds", "not_finite")  # of our own rows; they are no figures


@dataclass
class Moment:
    """What was logged at one step and time, in seconds since 1970; NaN where nobody kept it."""

    step: int
    time: float
    values: dict[str, float] = field(default_factory=dict)


def find_start(run: Run) -> float:
    """When the run's first process started, in seconds since 1970; a resumed run has an environment file of each."""
    starts = []
    for path in run.path.glob("environment*.json"):
        with suppress(files.DamagedFileError, FileNotFoundError):
            starts.append(finite(files.read_json(path).get("started")))
    starts.append(finite((run.foreign() or {}).get("started")))
    return min((start for start in starts if start), default=run.about.created) - _count_inherited(run)


def _count_inherited(run: Run) -> float:
    """Seconds of training that a branch has from its parent: its own process started so much later."""
    record = read_branch(run.path)
    if record is None or record["use"] != "line":
        return 0.0
    ends = [finite(row.get("seconds")) or 0.0 for row in run.rows()[: record["epoch"]]]
    return max(ends, default=0.0)


def list_moments(run: Run) -> list[Moment]:
    """In the order of time, and where that is not known in the order in which each figure was logged.

    Pauses between stop and resume of our own runs are left out, as in the run's own time.
    """
    return list(_join_series(run) if run.is_foreign else _read_rows(run, find_start(run)))


def _read_rows(run: Run, start: float) -> Iterator[Moment]:
    for row in run.rows():
        lost = files.read_not_finite(row)
        values = {
            name: lost.get(name, math.nan) if value is None else float(value)
            for name, value in row.items()
            if name not in _AXES
        }
        yield Moment(int(row.get("step") or 0), start + (finite(row.get("seconds")) or 0.0), values)


def _join_series(run: Run) -> Sequence[Moment]:
    """Figures of one step and time are one moment; a figure that repeats there has another."""
    moments: dict[tuple[int, float, int], Moment] = {}
    for name, series in run.series().series.items():
        repeats: dict[tuple[int, float], int] = {}
        for step, value, time in zip(series.steps.tolist(), series.values.tolist(), series.times.tolist(), strict=True):
            time = time if math.isfinite(time) else math.nan
            at = (step, -1.0 if math.isnan(time) else time)
            number = repeats[at] = repeats.get(at, -1) + 1
            moments.setdefault((*at, number), Moment(step, time)).values[name] = value
    return sorted(moments.values(), key=lambda moment: (not math.isnan(moment.time), moment.time))


def read_results(run: Run) -> dict[str, float]:
    """What a run ended with: our own figures on test images, or the single values that another tool kept."""
    if record := run.foreign():
        return {name: float(value) for name, value in record.get("results", {}).items()}
    end = dict(run.end() or {})
    lost = files.read_not_finite(end)
    return {
        name: lost.get(f"metrics.{name}", math.nan) if value is None else float(value)
        for name, value in run.results().items()
        if name.startswith("test/")
    }


def open_with_points(ids: Sequence[str]) -> list[Run]:
    """The runs that have logged something. Raises ExportError if none has, RunNotFoundError."""
    runs = [run for run in map(open_run, ids) if (run.series().series if run.is_foreign else run.rows())]
    if not runs:
        raise ExportError("Nothing has been logged yet, so there are no curves to take away.")
    return runs
