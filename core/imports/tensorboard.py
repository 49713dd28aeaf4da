"""Event files of TensorBoard, whoever wrote them: torch, Lightning, Keras, tensorboardX, Guild.

A file is records of a length (u64), its masked CRC-32C, the data and its masked CRC-32C; the data is an `Event`
message, which TensorBoard's own package decodes. A run is a folder with such files.
"""

from __future__ import annotations

import math
import os
import struct
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from core.imports.checksums import crc32c, masked
from core.imports.draft import MAX_NAMES, Budget, Draft, count_left_out
from core.imports.values import ForeignRun, ForeignState, Series
from core.system.files import open_regular
from core.text.words import count_of

MAX_RECORD_BYTES = 65_536  # longer ones are images, graphs and their like, and passed over
Indices = NDArray[np.int64]
READ_BYTES = 8_000_000
_HEADER, _FOOTER = 12, 4
_DAMAGED = "damaged records"
_LARGE = "large records, such as images and graphs"
_WHATS = {"graph_def": "graphs", "meta_graph_def": "graphs", "log_message": "messages of a log"}
_STATES: dict[int, ForeignState] = {1: "finished", 2: "failed"}
_KINDS = {
    "scalars": "scalars of several numbers",
    "images": "images",
    "histograms": "histograms",
    "text": "texts",
    "pr_curves": "curves of precision and recall",
    "audio": "sounds",
    "graph_keras_model": "graphs",
    "image": "images",
    "histo": "histograms",
    "tensor": "tensors",
}


class EventFile:
    """The whole records of one file; `damage` says afterwards why not all of it was read."""

    def __init__(self, path: Path, at_once: int = READ_BYTES) -> None:
        self.path, self.at_once = path, at_once
        self.damage, self.whole, self.damaged, self.large = "", 0, 0, 0

    def __iter__(self) -> Iterator[bytes]:
        with open_regular(self.path) as file:
            rest = b""
            while content := file.read(self.at_once):
                content = rest + content
                starts, lengths, end = _find_records(content)
                wrong = np.flatnonzero(~_matches(content, starts, np.full_like(lengths, 8)))
                good = int(wrong[0]) if len(wrong) else len(starts)
                yield from self._check(content, starts[:good] + _HEADER, lengths[:good])
                if len(wrong):
                    self.damage = "damaged"
                    return
                rest = content[end:]
                if len(rest) >= _HEADER and not self._may_go_on(file, rest):
                    return
                if len(rest) >= _HEADER and _read_length(rest) > MAX_RECORD_BYTES:
                    rest = b""
            if rest:
                self.damage = "cut short"

    def _check(self, content: bytes, starts: Indices, lengths: Indices) -> Iterator[bytes]:
        small = lengths <= MAX_RECORD_BYTES
        starts, lengths, large = starts[small], lengths[small], int((~small).sum())
        matches = _matches(content, starts, lengths)
        self.large += large
        self.damaged += int((~matches).sum())
        for start, length in zip(starts[matches].tolist(), lengths[matches].tolist(), strict=True):
            self.whole += 1
            yield content[start : start + length]

    def _may_go_on(self, file: IO[bytes], rest: bytes) -> bool:
        """Whether the record that begins the rest can be read, or, where it is a large one, was passed over."""
        if not _matches(rest, np.zeros(1, np.int64), np.full(1, 8)).all():
            self.damage = "damaged"
        elif (length := _read_length(rest)) > MAX_RECORD_BYTES:
            self.large += 1
            missing, place = _HEADER + length + _FOOTER - len(rest), file.tell()
            if file.seek(0, os.SEEK_END) < place + missing:
                self.damage = "cut short"
            else:
                file.seek(place + missing)
        return not self.damage


def is_event_file(head: bytes) -> bool:
    """Whether a file that begins so is one: its first record tells the format's version."""
    if len(head) < _HEADER or not _matches(head, np.zeros(1, np.int64), np.full(1, 8)).all():
        return False
    length = _read_length(head)
    return length <= MAX_RECORD_BYTES and b"brain.Event:" in head[_HEADER : _HEADER + length]


def _read_length(content: bytes) -> int:
    return int.from_bytes(content[:8], "little")


def _find_records(content: bytes) -> tuple[Indices, Indices, int]:
    """Where each whole record starts, the length of its data, and where the last of them ends."""
    unpack, size, place = struct.Struct("<Q").unpack_from, len(content), 0
    starts, lengths = array("q"), array("q")
    while place + _HEADER <= size:
        (length,) = unpack(content, place)
        end = place + _HEADER + length + _FOOTER
        if end > size:
            break
        starts.append(place)
        lengths.append(length)
        place = end
    return np.array(starts, np.int64), np.array(lengths, np.int64), place


def _matches(content: bytes, starts: Indices, lengths: Indices) -> NDArray[np.bool_]:
    """Whether each piece has the checksum that follows it."""
    data = np.frombuffer(content, np.uint8)
    stored = sum(data[starts + lengths + byte].astype(np.uint32) << np.uint32(8 * byte) for byte in range(_FOOTER))
    return np.asarray(masked(crc32c(data, starts, lengths)) == stored)


# Runs ---------------------------------------------------------------------------------------------------------------


def read_events(folder: str, paths: Sequence[Path], budget: Budget) -> list[ForeignRun]:
    """The run whose event files, all those of one folder, are given; none if there is nothing in them.

    Raises OSError, ImportFilesError.
    """
    paths = sorted(paths, key=lambda path: (_find_start(path), path.name))
    start = _find_start(paths[0])
    # Guild writes no times, but gives each run a folder of its own.
    key = f"{paths[0].name} {start.hex() if start else folder}"
    draft = Draft("tensorboard", key, folder.removesuffix("/.guild"), budget)
    plugins: dict[str, str] = {}
    for path in paths:
        file = EventFile(path)
        for record in file:
            _take_event(record, draft, plugins)
        draft.left_out.update({_DAMAGED: file.damaged} if file.damaged else {})
        draft.left_out.update({_LARGE: file.large} if file.large else {})
        if file.damage:
            draft.remark(f"{path.name}: {file.damage} after {count_of(file.whole, 'record')}.")
    if draft.is_empty():
        return []
    run = draft.finish()
    if len(paths) > 1:  # files of several writers, or of a run that was resumed
        run = replace(run, series={name: _sort_by_time(series) for name, series in run.series.items()})
    times = [series.times for series in run.series.values()]
    with suppress(ValueError):
        known = np.concatenate([each[np.isfinite(each)] for each in times])
        run = replace(
            run,
            started=run.started if run.started is not None else float(known.min()),
            ended=run.ended if run.ended is not None else float(known.max()),
        )
    return [run]


def join_runs(runs: Mapping[str, ForeignRun], root: str) -> list[ForeignRun]:
    """The runs, by their folders, with those put together that are one run in several folders.

    Keras writes training and validation to folders of these names; torch's add_hparams writes the configuration to a
    folder within that of the run.
    """
    joined = dict(runs)
    inner: dict[str, list[str]] = {}
    for folder in runs:
        inner.setdefault(folder.rpartition("/")[0], []).append(folder)
    for folder, run in runs.items():
        parent, _, name = folder.rpartition("/")
        other = f"{parent}/validation".removeprefix("/")
        if name == "train" and other in runs and _is_keras(run) and _is_keras(runs[other]):
            joined[folder] = _join_keras(parent or root, run, joined.pop(other))
        trials = [each for each in inner.get(folder, ()) if runs[each].configuration]
        if len(trials) == 1 and trials[0] != folder and not run.configuration and _is_trial(runs[trials[0]]):
            joined[folder] = _join_trial(run, joined.pop(trials[0]))
    return list(joined.values())


def _is_keras(run: ForeignRun) -> bool:
    return bool(run.series) and all(name.startswith(("epoch_", "batch_", "evaluation_")) for name in run.series)


def _join_keras(parent: str, train: ForeignRun, validation: ForeignRun) -> ForeignRun:
    parts = {"train": train, "validation": validation}
    return replace(
        train,
        name=parent,
        series={f"{part}/{name}": each for part, run in parts.items() for name, each in run.series.items()},
        ended=max(filter(None, (train.ended, validation.ended)), default=None),
        left_out=count_left_out([train.left_out, validation.left_out]),
        remarks=train.remarks + validation.remarks,
    )


def _is_trial(run: ForeignRun) -> bool:
    return all(len(series.steps) == 1 for series in run.series.values())


def _join_trial(run: ForeignRun, trial: ForeignRun) -> ForeignRun:
    values = {name: float(series.values[0]) for name, series in trial.series.items() if name not in run.series}
    return replace(
        run,
        configuration=trial.configuration,
        results=values,
        left_out=count_left_out([run.left_out, trial.left_out]),
        remarks=run.remarks + trial.remarks,
    )


def _find_start(path: Path) -> float:
    """The time of a file's first event."""
    for record in EventFile(path, MAX_RECORD_BYTES):
        with suppress(DecodeError):
            return float(Event.FromString(record).wall_time)
    return math.inf


def _sort_by_time(series: Series) -> Series:
    order = np.argsort(series.times, kind="stable")
    return Series(series.steps[order], series.values[order], series.times[order])


def _take_event(record: bytes, draft: Draft, plugins: dict[str, str]) -> None:
    try:
        event = Event.FromString(record)
    except DecodeError:
        draft.left_out[_DAMAGED] += 1
        return
    what = event.WhichOneof("what")
    if what != "summary":
        if what not in ("file_version", "session_log", None):
            draft.left_out[_WHATS.get(what, "records of other kinds")] += 1
        return
    time = event.wall_time or math.nan  # Guild writes 0.0: it keeps no times
    for value in event.summary.value:
        kind, tag = value.WhichOneof("value"), value.tag
        if kind == "simple_value":
            draft.log(tag, event.step, value.simple_value, time)
            continue
        if value.HasField("metadata") and tag not in plugins and len(plugins) < MAX_NAMES:
            plugins[tag] = value.metadata.plugin_data.plugin_name
        plugin = plugins.get(tag, "")
        if plugin == "hparams":
            _take_hparams(value.metadata.plugin_data.content, draft)
        elif kind == "tensor" and plugin in ("", "scalars") and (number := _read_tensor(value.tensor)) is not None:
            draft.log(tag, event.step, number, time)
        else:
            draft.left_out[_KINDS.get(plugin) or _KINDS.get(kind or "", "records of other kinds")] += 1


# By the number that stands for it in a tensor's message: how numpy reads its bytes, and the field with its values.
_TYPES = {
    1: ("<f4", "float_val"),
    2: ("<f8", "double_val"),
    3: ("<i4", "int_val"),
    4: ("<u1", "int_val"),
    5: ("<i2", "int_val"),
    6: ("<i1", "int_val"),
    9: ("<i8", "int64_val"),
    10: ("<?", "bool_val"),
    19: ("<f2", "half_val"),
    22: ("<u4", "uint32_val"),
    23: ("<u8", "uint64_val"),
}


def _read_tensor(tensor: Any) -> float | None:
    """The number in a tensor that holds one."""
    if tensor.dtype not in _TYPES or any(dim.size != 1 for dim in tensor.tensor_shape.dim):
        return None
    kind, field = _TYPES[tensor.dtype]
    content = tensor.tensor_content
    if content:
        return float(np.frombuffer(content, kind)[0]) if len(content) == np.dtype(kind).itemsize else None
    values = getattr(tensor, field)
    if len(values) > 1:
        return None
    # A message leaves out what is zero.
    number = values[0] if values else 0
    return float(np.array([number], np.uint16).view(np.float16)[0]) if field == "half_val" else float(number)


def _take_hparams(content: bytes, draft: Draft) -> None:
    """What add_hparams and Keras' HParams callback tell of a run."""
    try:
        data = HParamsPluginData.FromString(content)
    except DecodeError:
        draft.left_out[_DAMAGED] += 1
        return
    if data.HasField("session_start_info"):
        info = data.session_start_info
        draft.configure({key: _read_value(value) for key, value in info.hparams.items()})
        draft.started = info.start_time_secs or draft.started
    if data.HasField("session_end_info"):
        draft.state = _STATES.get(data.session_end_info.status, "unknown")
        draft.ended = data.session_end_info.end_time_secs or draft.ended


def _read_value(value: Any) -> Any:
    kind = value.WhichOneof("kind")
    return getattr(value, kind) if kind in ("number_value", "string_value", "bool_value") else None
