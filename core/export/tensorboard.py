"""A run as TensorBoard's event files: its curves by step and wall time, and its spec in the HPARAMS tab.

Written with tensorboard's own record writer and messages, which need neither torch nor TensorFlow.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from tensorboard.compat.proto.event_pb2 import Event, SourceMetadata
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import summary_v2
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.summary.writer.record_writer import RecordWriter

from core.export.formats import Order
from core.export.points import find_start, list_moments, open_with_points, read_results
from core.runs.branches import list_origin
from core.runs.folder import Run
from core.spec.fields import flatten
from core.system.safe_zip import date_in_zip

_SHOWN = ("val/accuracy", "val/loss", "test/accuracy", "test/loss", "test/accuracy_best", "test/loss_best")


def write_logs(order: Order, path: Path) -> str:
    runs = open_with_points(order.ids)
    with open(path, "wb") as file:
        write_events(runs, file)
    return "" if len(runs) == len(order.ids) else f"{len(order.ids) - len(runs)} that have logged nothing are left out."


def write_events(runs: Sequence[Run], target: IO[bytes]) -> None:
    """A zip with a folder for each run, to be unpacked where `tensorboard --logdir` looks."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for run in runs:
            start = find_start(run)
            # TensorBoard knows its files by this name.
            name = f"{run.id}/events.out.tfevents.{start:.0f}.{run.id}"
            info = zipfile.ZipInfo(name, date_in_zip(start))
            info.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(info, "w", force_zip64=True) as file:
                writer = RecordWriter(file)
                for event in make_events(run, start):
                    writer.write(event.SerializeToString())


def make_events(run: Run, start: float) -> Iterator[Any]:
    """The file's header, the spec, an event for each moment of logging, and the figures of the run's end."""
    yield Event(wall_time=start, file_version="brain.Event:2", source_metadata=SourceMetadata(writer="resnet-lab"))
    moments, figures = list_moments(run), read_results(run)
    tags = [tag for tag in _SHOWN if tag in figures or any(tag in moment.values for moment in moments)]
    for summary in _describe_spec(run, tags, start):
        yield Event(wall_time=start, step=0, summary=summary)
    wall, step = start, 0
    for moment in moments:
        wall, step = start if math.isnan(moment.time) else moment.time, moment.step
        yield Event(wall_time=wall, step=step, summary=_to_scalars(moment.values))
    if figures:
        yield Event(wall_time=wall, step=step, summary=_to_scalars(figures))


def _to_scalars(values: Mapping[str, float]) -> Any:
    """Every figure under its own name, also NaN and the infinities, which TensorBoard marks."""
    return Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()])


def _describe_spec(run: Run, tags: Sequence[str], start: float) -> Iterator[Any]:
    """For the HPARAMS tab: every field of the spec or configuration, and the curves to judge it by."""
    plain, record = (bool, int, float, str), run.foreign()
    known = record["configuration"] if record else {**flatten(run.spec), **list_origin(run.path)}
    values = {path: value if isinstance(value, plain) else str(value) for path, value in known.items()}
    yield summary_v2.hparams_config_pb(
        hparams=[summary_v2.HParam(path) for path in values],
        metrics=[summary_v2.Metric(tag) for tag in tags],
        time_created_secs=start,
    )
    session = summary_v2.hparams_pb(values, trial_id=run.id, start_time_secs=start)
    for value in session.value:
        # Packed again: the library writes the fields in another order in each process.
        packed = value.metadata.plugin_data
        packed.content = HParamsPluginData.FromString(packed.content).SerializeToString(deterministic=True)
    yield session
