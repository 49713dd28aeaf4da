"""A run as TensorBoard's event files: its curves by step and wall time, and its spec in the HPARAMS tab.

Written with tensorboard's own record writer and messages, which need neither torch nor TensorFlow.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from tensorboard.compat.proto.event_pb2 import Event, SourceMetadata
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import summary_v2
from tensorboard.summary.writer.record_writer import RecordWriter

from core.compare.snapshot import finite
from core.export.formats import Order
from core.export.table import open_with_epochs
from core.runs.folder import Run
from core.spec.fields import flatten
from core.system import files

# Columns that are no curves.
_AXES = ("step", "seconds", "not_finite")
_SHOWN = ("val/accuracy", "val/loss", "test/accuracy", "test/loss", "test/accuracy_best", "test/loss_best")


def write_logs(order: Order, path: Path) -> str:
    runs = open_with_epochs(order.ids)
    with open(path, "wb") as file:
        write_events(runs, file)
    return "" if len(runs) == len(order.ids) else f"{len(order.ids) - len(runs)} without an epoch are left out."


def write_events(runs: Sequence[Run], target: IO[bytes]) -> None:
    """A zip with a folder for each run, to be unpacked where `tensorboard --logdir` looks."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for run in runs:
            start = find_start(run)
            # TensorBoard knows its files by this name.
            with archive.open(f"{run.id}/events.out.tfevents.{start:.0f}.{run.id}", "w", force_zip64=True) as file:
                writer = RecordWriter(file)
                for event in make_events(run, start):
                    writer.write(event.SerializeToString())


def find_start(run: Run) -> float:
    """When the run's first process started, in seconds since 1970; a resumed run has an environment file of each."""
    starts = []
    for path in run.path.glob("environment*.json"):
        with suppress(files.DamagedFileError, FileNotFoundError):
            starts.append(finite(files.read_json(path).get("started")))
    return min((start for start in starts if start), default=run.about.created)


def make_events(run: Run, start: float) -> Iterator[Any]:
    """The file's header, the spec, an event for each epoch, and the figures of the run's end."""
    yield Event(wall_time=start, file_version="brain.Event:2", source_metadata=SourceMetadata(writer="resnet-lab"))
    rows = run.rows()
    figures = {key: value for key, value in run.results().items() if key.startswith("test/")}
    tags = [tag for tag in _SHOWN if tag in figures or any(tag in row for row in rows)]
    for summary in _describe_spec(run, tags, start):
        yield Event(wall_time=start, step=0, summary=summary)
    wall, step = start, 0
    for row in rows:
        step = int(row.get("step") or 0)
        # Pauses between stop and resume are left out, as in the run's own time.
        wall = start + (finite(row.get("seconds")) or 0.0)
        yield Event(wall_time=wall, step=step, summary=_to_scalars(row))
    if figures:
        yield Event(wall_time=wall, step=step, summary=_to_scalars(figures))


def _to_scalars(row: Mapping[str, Any]) -> Any:
    """Every figure under its own name; what was not finite is NaN, which TensorBoard marks."""
    values = {tag: math.nan if value is None else float(value) for tag, value in row.items() if tag not in _AXES}
    return Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()])


def _describe_spec(run: Run, tags: Sequence[str], start: float) -> Iterator[Any]:
    """For the HPARAMS tab: every field of the spec or configuration, and the curves to judge it by."""
    plain, record = (bool, int, float, str), run.foreign()
    known = record["configuration"] if record else flatten(run.spec)
    values = {path: value if isinstance(value, plain) else str(value) for path, value in known.items()}
    yield summary_v2.hparams_config_pb(
        hparams=[summary_v2.HParam(path) for path in values],
        metrics=[summary_v2.Metric(tag) for tag in tags],
        time_created_secs=start,
    )
    yield summary_v2.hparams_pb(values, trial_id=run.id, start_time_secs=start)
