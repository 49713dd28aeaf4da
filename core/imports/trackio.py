"""Trackio's databases, each with the runs of a project or of several.

Times are those of the moment at which a queue was written, up to half a second after the point was logged.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from core.imports.database import Rows, list_tables, open_database, tell_cut
from core.imports.draft import MAX_DEPTH, Budget, Draft
from core.imports.values import ForeignRun, ImportFilesError

TABLES = {"metrics": {"run_name", "timestamp", "step", "metrics"}}
_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_BAD_ROWS = "rows that cannot be read"


def read_database(path: Path, budget: Budget, left_out: dict[str, int]) -> Iterator[ForeignRun]:
    """The runs of a database. Raises ImportFilesError, OSError."""
    drafts: dict[str, Draft] = {}
    with open_database(path) as connection:
        tables = list_tables(connection)
        # Older versions have no ids of runs.
        run_id = "run_id" if "run_id" in tables["metrics"] else "run_name"
        rows = Rows(
            connection,
            f"SELECT {run_id}, run_name, timestamp, step, metrics FROM metrics ORDER BY id",  # nosec B608 - our own names
        )
        for key, name, timestamp, step, content in rows:
            draft = drafts.get(str(key))
            if draft is None:
                if budget.runs <= 0:
                    left_out["rows of too many runs"] = left_out.get("rows of too many runs", 0) + 1
                    continue
                budget.runs -= 1
                draft = drafts[str(key)] = Draft("trackio", str(key), str(name), budget)
            values = _parse(content)
            if values is None or not isinstance(step, int):
                draft.left_out[_BAD_ROWS] += 1
                continue
            time = _read_time(timestamp)
            if time == time:
                draft.started = min(time, draft.started or time)
                draft.ended = max(time, draft.ended or time)
            _take(draft, values, step, time)
        damages = [tell_cut(path), rows.damage]
        if tables.get("configs", set()) >= {run_id, "config"}:
            for key, content in Rows(connection, f"SELECT {run_id}, config FROM configs"):  # nosec B608 - our own names
                if str(key) in drafts and (config := _parse(content)) is not None:
                    _configure(drafts[str(key)], config)
    damages = list(filter(None, damages))
    if damages and not drafts:
        raise ImportFilesError(f"{path.name}: {damages[0]}.")
    for draft in drafts.values():
        for damage in damages:
            draft.remark(f"{path.name}: {damage}.")
        yield draft.finish()


def _parse(content: Any) -> dict[str, Any] | None:
    """A JSON object, which lies in a column of texts as bytes."""
    with suppress(ValueError, RecursionError, TypeError):
        value = json.loads(content)
        return value if isinstance(value, dict) else None
    return None


def _read_time(text: Any) -> float:
    with suppress(ValueError, TypeError, OverflowError):
        return datetime.fromisoformat(text).timestamp()
    return math.nan


def _take(draft: Draft, values: dict[str, Any], step: int, time: float, prefix: str = "", depth: int = 0) -> None:
    for name, value in values.items():
        value = _WORDS.get(value, value) if isinstance(value, str) else value
        if isinstance(value, dict) and "_type" not in value and depth < MAX_DEPTH:
            _take(draft, value, step, time, f"{prefix}{name}.", depth + 1)
        elif isinstance(value, bool) or not isinstance(value, int | float):
            kind = value.get("_type") if isinstance(value, dict) else None
            draft.leave_out(f"values of the type {kind[:40]}" if isinstance(kind, str) else "values that are no number")
        else:
            with suppress(OverflowError):
                draft.log(f"{prefix}{name}", step, float(value), time)


def _configure(draft: Draft, config: dict[str, Any]) -> None:
    """Takes the configuration; what begins with "_" is Trackio's own."""
    draft.configure({key: value for key, value in config.items() if not key.startswith("_")})
    created = _read_time(config.get("_Created"))
    if created == created:
        draft.started = created
