"""Keeps what a reader found as runs of the lab: each once, and brought up to date when it has grown."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from core.imports.values import ForeignRun, Scalar
from core.runs.foreign import end_metrics, make_rows, name_tool
from core.runs.records import MAX_TAG, MAX_TAGS, MAX_TEXT, About, End, ForeignRecord, MappedFigure
from core.runs.store import publish_foreign as _publish
from core.system.names import readable

MAX_KEYS, MAX_KEY, MAX_VALUE = 1000, 300, 2000  # of a configuration
MAX_REMARKS = 100
UNTOLD = "{tool} does not tell how a run ended."
_WORDS = {math.inf: "Infinity", -math.inf: "-Infinity"}


def publish_foreign(run: ForeignRun, mapping: Mapping[str, MappedFigure], *, started_by: str = "") -> str:
    """Keeps a run of another tool as one of the lab's and returns its id; `mapping` says which series is which figure.

    Raises RunsFolderError.
    """
    record = make_record(run, mapping)
    rows = make_rows(run.series, mapping, run.started)
    return _publish(record, make_about(run, started_by), run.series, rows, end=make_end(run, record, len(rows)))


def make_record(run: ForeignRun, mapping: Mapping[str, MappedFigure]) -> ForeignRecord:
    left_out = {readable(what)[:MAX_KEY]: count for what, count in run.left_out.items()}
    configuration: dict[str, Scalar] = {}
    cut = 0
    for key, value in list(run.configuration.items())[:MAX_KEYS]:
        kept = _bound(value)
        cut += isinstance(value, str) and kept != readable(value)
        configuration[readable(key)[:MAX_KEY]] = kept
    if cut:
        left_out[f"texts of the configuration cut to {MAX_VALUE:,} characters"] = cut
    if (more := len(run.configuration) - MAX_KEYS) and more > 0:
        left_out[f"configuration beyond {MAX_KEYS:,} keys"] = more
    record: ForeignRecord = {
        "format": run.format,
        "key": readable(run.key)[:2000],
        "configuration": configuration,
        "mapping": dict(mapping),
        "results": {readable(name)[:MAX_KEY]: _spell(value) for name, value in run.results.items()},
        "metrics": dict(end_metrics(run.series, run.results, mapping)),
        "left_out": left_out,
        "remarks": [readable(remark)[:MAX_VALUE] for remark in run.remarks[:MAX_REMARKS]],
        "state": run.state,
        "started": run.started,
        "imported": time.time(),
        "points": sum(map(len, run.series.values())),
    }
    if run.started is None:
        del record["started"]
    return record


def _bound(value: Scalar) -> Scalar:
    """A value that JSON keeps: of text the beginning, of what is no finite number or a huge one its words."""
    if isinstance(value, str):
        return readable(value)[:MAX_VALUE]
    if isinstance(value, int) and abs(value) >= 2**63:
        return str(value)[:MAX_VALUE]
    return _spell(value) if isinstance(value, float) else value


def _spell(value: float) -> Any:
    return "NaN" if math.isnan(value) else _WORDS.get(value, value)


def make_about(run: ForeignRun, started_by: str = "") -> About:
    tags = dict.fromkeys(tag[:MAX_TAG] for tag in map(str.strip, map(readable, run.tags)) if tag)
    return About(
        name=readable(run.name).strip()[: MAX_TEXT["name"]],
        tags=tuple(tags)[:MAX_TAGS],
        note=readable(run.note)[: MAX_TEXT["note"]],
        created=run.started if run.started and 0 < run.started < 1e11 else 0.0,
        started_by=started_by,
    )


def make_end(run: ForeignRun, record: ForeignRecord, epochs: int) -> End | None:
    """None for a run that its tool calls interrupted: without an end it is that here too."""
    if run.state == "interrupted":
        return None
    tool = name_tool(run.format)
    end: End = {
        "state": "finished" if run.state == "unknown" else run.state,
        "reason": UNTOLD.format(tool=f"{tool[0].upper()}{tool[1:]}") if run.state == "unknown" else "",
        "kind": "imported",
        "epoch": epochs,
        "metrics": record["metrics"],
    }
    return {**end, "ended": run.ended} if run.ended is not None else end
