"""Offline sessions of ClearML: `task.json`, and `metrics.jsonl` with a list of reports in each line.

NaN and infinity were written as 0.0, which nothing tells from a true zero.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.imports.draft import Budget, Draft, parse_text
from core.imports.values import ForeignRun
from core.system.files import DamagedFileError, find_note, open_regular
from core.text.words import count_of

TASK, METRICS = "task.json", "metrics.jsonl"
MAX_LINE = 200_000_000
SINGLE = -(2**31)  # the iteration at which a single value is kept
_SCALAR = "training_stats_scalar"
_DECODER = json.JSONDecoder()
_SPACE = " \t\r\n,"


def read_task(path: Path) -> dict[str, Any] | None:
    """What a `task.json` tells, if it is that of an offline session."""
    task = find_note(path)
    return task if task and "offline_folder" in task and isinstance(task.get("id"), str) else None


def read_session(task: Mapping[str, Any], metrics: Path | None, budget: Budget) -> list[ForeignRun]:
    """The run of a session. Raises OSError."""
    draft = Draft("clearml", task["id"], str(task.get("name") or task["id"]), budget)
    sections = task.get("hyperparams")
    for section, values in sections.items() if isinstance(sections, dict) else ():
        for name, entry in values.items() if isinstance(values, dict) else ():
            text = entry.get("value") if isinstance(entry, dict) else None
            key = name if section == "General" else f"{section}/{name}"
            draft.configure({key: parse_text(text) if isinstance(text, str) else text})
    tags = task.get("tags")
    draft.tags = [str(tag)[:200] for tag in tags[:100]] if isinstance(tags, list) else []
    zeros = 0
    for report in _read_reports(metrics, draft) if metrics else ():
        zeros += _take(report, draft)
    if zeros:
        draft.remark(f"{count_of(zeros, 'value')} of 0.0 may have been NaN or infinite: ClearML writes both as 0.0.")
    return [draft.finish()]


def _read_reports(path: Path, draft: Draft) -> Iterator[Any]:
    """The reports one by one, so that of a list that was cut those before the cut are read."""
    count = 0
    try:
        with open_regular(path) as file:
            for line in iter(lambda: file.readline(MAX_LINE), b""):
                text = line.decode("utf-8", "replace").strip()
                place, size = 1, len(text)
                if not text.startswith("["):
                    draft.left_out["lines that hold no reports"] += bool(text)
                    continue
                while True:
                    while place < size and text[place] in _SPACE:
                        place += 1
                    if place >= size or text[place] == "]":
                        break
                    report, place = _DECODER.raw_decode(text, place)
                    count += 1
                    yield report
                if place >= size:
                    draft.remark(f"{path.name}: cut short after {count_of(count, 'report')}.")
    except (ValueError, RecursionError):
        draft.remark(f"{path.name}: cut short or damaged after {count_of(count, 'report')}.")
    except DamagedFileError as error:
        draft.remark(f"{error}.")


def _take(report: Any, draft: Draft) -> bool:
    """Adds a report to the run; whether its value is zero."""
    if not isinstance(report, dict) or report.get("type") != _SCALAR:
        kind = report.get("type") if isinstance(report, dict) else None
        draft.leave_out(f"reports of the type {kind[:40]}" if isinstance(kind, str) else "reports of no type")
        return False
    metric, variant, value, step = (report.get(key) for key in ("metric", "variant", "value", "iter"))
    milliseconds = report.get("timestamp")
    time = milliseconds / 1000 if isinstance(milliseconds, int) and 0 < milliseconds < 1e15 else math.nan
    if isinstance(value, int) and abs(value) >= 2**1023:
        value = None
    if not isinstance(value, int | float) or not isinstance(step, int):
        draft.left_out["reports without a number or a step"] += 1
        return False
    name = str(metric) if metric == variant else f"{metric}/{variant}"
    if step == SINGLE:
        draft.results[str(variant)] = float(value)
    else:
        draft.log(name, step, float(value), time)
    return value == 0
