"""Local runs of SwanLab: a log of `Record` messages, framed as W&B's.

Of a step that is logged twice, the log keeps the first value.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.imports.draft import Budget, Draft
from core.imports.values import ForeignRun, ForeignState
from core.imports.wire import LogFile, Value, WireError, make_header, read_fields, to_bytes, to_double, to_int, to_text
from core.imports.yaml_files import read_yaml
from core.text.words import count_of

HEADER = (b":SWL", 0xE1D6, 2)
MAGIC = make_header(HEADER)
CONFIG = "files/config.yaml"  # beside the log
# Numbers of the fields of a Record.
_START, _FINISH, _SCALAR, _MEDIA, _LOG = 10, 11, 13, 14, 16
_OTHERS = {_MEDIA: "media", _LOG: "lines of output"}
_STATES: dict[int, ForeignState] = {1: "finished", 2: "failed", 3: "stopped"}
_NO_RECORD = "damaged records"


def read_log(path: Path, config: Path | None, budget: Budget) -> Iterator[ForeignRun]:
    """The run of one log. Raises OSError."""
    draft = Draft("swanlab", path.stem.removeprefix("run-"), path.stem, budget)
    draft.state = "interrupted"
    file = LogFile(path, HEADER)
    for record in file:
        try:
            for number, value in read_fields(record):
                _take(draft, number, value)
        except WireError:
            draft.left_out[_NO_RECORD] += 1
    if file.damaged:
        draft.left_out[_NO_RECORD] += file.damaged
    if file.damage:
        draft.remark(f"{path.name}: {file.damage} after {count_of(file.whole, 'record')}.")
    if config:
        values, remarks = read_yaml(config)
        draft.configure({key: each.get("value") if isinstance(each, Mapping) else each for key, each in values.items()})
        draft.remarks += remarks
    yield draft.finish()


def _take(draft: Draft, number: int, value: Value) -> None:
    if number == _SCALAR:
        _take_scalar(draft, dict(read_fields(to_bytes(value))))
    elif number == _START:
        fields = read_fields(to_bytes(value))
        start = dict(fields)
        draft.name = to_text(start.get(4, b"")) or draft.name
        draft.note = to_text(start.get(5, b""))
        draft.tags = [to_text(tag) for field, tag in fields if field == 6]
        draft.key = to_text(start.get(10, b"")) or draft.key
        draft.started = _read_time(start.get(12))
    elif number == _FINISH:
        finish = dict(read_fields(to_bytes(value)))
        draft.state = _STATES.get(to_int(finish.get(1, 0)), "unknown")
        draft.ended = _read_time(finish.get(3))
    elif number in _OTHERS:
        draft.left_out[_OTHERS[number]] += 1


def _take_scalar(draft: Draft, fields: dict[int, Any]) -> None:
    """A message leaves out what is zero: the step 0, the figure 0.0."""
    number = dict(read_fields(to_bytes(fields.get(5, b"")))).get(1)
    time = _read_time(fields.get(4))
    figure = 0.0 if number is None else to_double(number)
    draft.log(to_text(fields.get(1, b"")), to_int(fields.get(2, 0)), figure, math.nan if time is None else time)


def _read_time(value: Value | None) -> float | None:
    if value is None:
        return None
    parts = dict(read_fields(to_bytes(value)))
    return to_int(parts.get(1, 0)) + to_int(parts.get(2, 0)) / 1e9
