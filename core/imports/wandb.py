"""Offline runs of Weights & Biases: a log of `Record` messages for each run, and one more each time it was resumed."""

from __future__ import annotations

import filecmp
import json
import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.imports.draft import MANY_RUNS, MAX_NAMES, MAX_TEXT, Budget, Draft
from core.imports.values import ForeignRun
from core.imports.wire import LogFile, Value, WireError, make_header, read_fields, to_bytes, to_double, to_int, to_text
from core.text.safe import plain
from core.text.words import count_of

HEADER = (b":W&B", 0xBEE1, 0)
MAGIC = make_header(HEADER)
# Numbers of the fields of a Record, and of the messages within.
_HISTORY, _SUMMARY, _CONFIG, _RUN, _EXIT = 2, 3, 5, 17, 18
_OTHERS = {4: "lines of output", 7: "figures of the machine", 8: "artifacts", 10: "alerts", 13: "lines of output"}
_NO_RECORD, _COPIES = "damaged records", "copies of a log"
_OWN = ("_step", "_timestamp", "_runtime", "_wandb")


@dataclass
class _Log:
    """One file, and of which run it is."""

    path: Path
    run_id: str = ""
    project: str = ""
    name: str = ""
    started: float = math.inf
    fields: dict[str, Any] = field(default_factory=dict)


def read_logs(paths: Sequence[Path], budget: Budget, left_out: dict[str, int]) -> Iterator[ForeignRun]:
    """The runs of several logs; those of one run are put together. Raises OSError."""
    logs: dict[tuple[str, str], list[_Log]] = {}
    for path in paths:
        log = _identify(path)
        parts = logs.setdefault((log.project, log.run_id), [])
        # A zip of the tool's folder has the newest log twice, as zip follows the link "latest-run".
        if any(filecmp.cmp(path, part.path, shallow=False) for part in parts):
            left_out[_COPIES] = left_out.get(_COPIES, 0) + 1
        else:
            parts.append(log)
    for (project, run_id), parts in logs.items():
        if budget.runs <= 0 or budget.is_late():
            left_out[MANY_RUNS] = left_out.get(MANY_RUNS, 0) + 1
            continue
        budget.runs -= 1
        draft = Draft("wandb", f"{project}/{run_id}", parts[0].name or run_id, budget)
        reader = _Reader(draft)
        for log in sorted(parts, key=lambda each: (each.started, str(each.path))):
            reader.read(log.path)
        run = reader.finish()
        if len(parts) > 1 and any((np.diff(series.steps) <= 0).any() for series in run.series.values()):
            # Offline, W&B does not know where a run that it resumes had been.
            repeated = f"{run.name}: its {len(parts)} logs repeat steps, as W&B counts from 0 again where it is offline"
            run = replace(run, remarks=(*run.remarks, f"{repeated}; of each step charts show the last."))
        yield run


def _identify(path: Path) -> _Log:
    """What the log's first messages tell of its run; without any, it is known by its file's name."""
    log = _Log(path, run_id=path.stem.removeprefix("run-"))
    for record in LogFile(path, HEADER):
        with suppress(WireError):
            for number, value in read_fields(record):
                if number == _RUN:
                    _read_run(value, log)
                    return log
    return log


def _read_run(value: Value, log: _Log) -> None:
    fields = read_fields(to_bytes(value))
    tags = []
    for number, inner in fields:
        match number:
            case 1:
                log.run_id = to_text(inner)
            case 3:
                log.project = to_text(inner)
            case 4:
                log.fields["config"] = inner
            case 8:
                log.name = to_text(inner)
            case 9:
                log.fields["notes"] = to_text(inner)
            case 10:
                tags.append(to_text(inner))
            case 17:
                parts = dict(read_fields(to_bytes(inner)))
                log.started = to_int(parts.get(1, 0)) + to_int(parts.get(2, 0)) / 1e9
    log.fields["tags"] = tags


class _Reader:
    """Follows the records of one run."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.config: dict[str, Any] = {}
        self.summary: dict[str, str] = {}
        self.last: dict[str, float] = {}
        self.exit_code: int | None = None

    def read(self, path: Path) -> None:
        self.exit_code = None
        file = LogFile(path, HEADER)
        for record in file:
            try:
                for number, value in read_fields(record):
                    self._take(number, value)
            except (WireError, RecursionError):
                self.draft.left_out[_NO_RECORD] += 1
        if file.damaged:
            self.draft.left_out[_NO_RECORD] += file.damaged
        if file.damage:
            self.draft.remark(f"{path.name}: {file.damage} after {count_of(file.whole, 'record')}.")

    def _take(self, number: int, value: Value) -> None:
        if number == _HISTORY:
            self._take_history(to_bytes(value))
        elif number == _SUMMARY:
            self._take_updates(to_bytes(value), self.summary)
        elif number == _CONFIG:
            self._take_updates(to_bytes(value), self.config)
        elif number == _RUN:
            log = _Log(Path())
            _read_run(value, log)
            self.draft.name = log.name or self.draft.name
            self.draft.note = log.fields.get("notes") or self.draft.note
            self.draft.tags = log.fields["tags"] or self.draft.tags
            if self.draft.started is None and math.isfinite(log.started):
                self.draft.started = log.started
            self._take_updates(to_bytes(log.fields.get("config", b"")), self.config)
        elif number == _EXIT:
            self.exit_code = to_int(dict(read_fields(to_bytes(value))).get(1, 0))
        elif number in _OTHERS:
            self.draft.left_out[_OTHERS[number]] += 1

    def _take_history(self, data: bytes) -> None:
        """One call of `log`: its items, each a key and a value as JSON."""
        items, own, packed, kinds = [], {}, None, {}
        for number, value in read_fields(data):
            if number == 1:
                name, text = _read_item(to_bytes(value))
                if name in _OWN:
                    own[name] = text
                elif name.endswith("._type"):
                    kinds[name.removesuffix("_type")] = text
                elif not name.startswith("_wandb."):
                    items.append((name, text))
            elif number == 2:
                packed = to_bytes(value)
        # Nearly every call has its step as an item too, which is read sooner.
        step = _to_number(own.get("_step", ""), None)
        if step is None and packed is not None:
            step = to_int(dict(read_fields(packed)).get(1, 0))
        time = _to_number(own.get("_timestamp", ""), math.nan)
        if step is None or not math.isfinite(step):
            self.draft.left_out["points without a step"] += len(items)
            return
        if math.isfinite(time) and time > (self.draft.ended or 0):
            self.draft.ended = time
        for kind in kinds.values():
            self.draft.leave_out(f"values of the type {plain(kind[:40]).strip(chr(34))}")
        step = int(step)
        for name, text in items:
            if kinds and name.startswith(tuple(kinds)):
                continue  # a part of what was left out
            try:
                figure = float(text)
            except ValueError:
                self.draft.leave_out(_name_kind(text))
                continue
            self.last[name] = figure
            self.draft.log(name, step, figure, time)

    def _take_updates(self, data: bytes, values: dict[str, str]) -> None:
        """A change of the configuration or summary: items that are set, and items that are taken away."""
        for number, value in read_fields(data):
            if number not in (1, 2):
                continue
            name, text = _read_item(to_bytes(value))
            if number == 2:
                values.pop(name, None)
            elif len(text) > MAX_TEXT:
                self.draft.left_out["values of a configuration or summary that are too long"] += 1
            elif len(values) < MAX_NAMES and not name.startswith("_"):
                values[name] = text

    def finish(self) -> ForeignRun:
        draft = self.draft
        for name, text in self.config.items():
            with suppress(ValueError, RecursionError):
                draft.configure({name: json.loads(text)})
        for name, text in self.summary.items():
            with suppress(ValueError, RecursionError):
                _add_results(draft.results, name, json.loads(text))
        # The last value of each series is in the summary too.
        for name, last in self.last.items():
            if name in draft.results and (draft.results[name] == last or math.isnan(last)):
                del draft.results[name]
        if self.exit_code is None:
            draft.state = "interrupted"
        else:
            draft.state = "finished" if self.exit_code == 0 else "failed"
        return draft.finish()


def _read_item(data: bytes) -> tuple[str, str]:
    """Name and value, as JSON, of an item; nested names are joined by "."."""
    # As W&B writes nearly all of a history: a name, then a text, in so few bytes that each length has one.
    if 5 < len(data) < 128 and data[0] == 18:
        end = 2 + data[1]
        if data[end : end + 2] == b"\x82\x01" and data[end + 2 : end + 3] == bytes([len(data) - end - 3]):
            return str(data[2:end], "utf-8", "replace"), str(data[end + 3 :], "utf-8", "replace")
    key, nested, text = "", [], ""
    for number, value in read_fields(data):
        match number:
            case 1:
                key = to_text(value)
            case 2:
                nested.append(to_text(value))
            case 4:
                text = "true" if value else "false"
            case 5:  # a zigzag number
                text = str(to_int(value) // 2 if to_int(value) % 2 == 0 else -(to_int(value) + 1) // 2)
            case 6:
                text = repr(to_double(value))
            case 16:
                text = to_text(value)
    return ".".join(nested) or key, text


def _to_number(text: str, otherwise: Any) -> Any:
    try:
        return float(text)
    except ValueError:
        return otherwise


def _name_kind(text: str) -> str:
    """What a value is that is no number."""
    if text in ("true", "false"):
        return "values that are true or false"
    if text.startswith("{") and len(text) <= 100 * MAX_TEXT:
        with suppress(ValueError, RecursionError):
            kind = json.loads(text).get("_type")
            return f"values of the type {plain(kind[:40])}" if isinstance(kind, str) else "values that are objects"
    return "values that are text or lists"


def _add_results(results: dict[str, float], name: str, value: Any, depth: int = 0) -> None:
    if isinstance(value, dict) and "_type" not in value and depth < 10:
        for key, inner in value.items():
            _add_results(results, f"{name}.{key}", inner, depth + 1)
    elif isinstance(value, int | float) and not isinstance(value, bool) and len(results) < MAX_NAMES:
        with suppress(OverflowError):
            results[name] = float(value)
