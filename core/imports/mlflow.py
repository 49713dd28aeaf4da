"""MLflow's runs, from its SQLite database and from its older store of one small file for each figure."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.imports.database import Rows, is_number, list_tables, open_database, tell_cut
from core.imports.draft import MANY_RUNS, MAX_TEXT, Budget, Draft, parse_text
from core.imports.values import ForeignRun, ForeignState, ImportFilesError
from core.system.files import DamagedFileError, open_regular

TABLES = {"runs": {"run_uuid", "status"}, "metrics": {"run_uuid", "key", "value", "timestamp", "step", "is_nan"}}
MAX_META_BYTES = 64_000
MAX_LINE = 1000
LAST_ENTRY = "user_id"  # of a run's meta.yaml, whose entries are sorted
_ENTRY, _WHOLE = re.compile(r"([a-z_]+): (.*)"), re.compile(r"-?[0-9]{1,18}")
_LARGEST = sys.float_info.max  # stands for infinity, which a column of numbers in MLflow's databases does not take
_STATES: dict[str, ForeignState] = {"FINISHED": "finished", "FAILED": "failed", "KILLED": "stopped"}
_NUMBERS: dict[Any, str] = {3: "FINISHED", 4: "FAILED", 5: "KILLED"}
DELETED = "runs that were deleted in MLflow"
_BAD_LINES = "lines that are no point"
_BAD_ROWS = "rows that are no point"


def read_database(path: Path, budget: Budget, left_out: dict[str, int]) -> Iterator[ForeignRun]:
    """The runs of a database. Raises ImportFilesError, OSError."""
    with open_database(path) as connection:
        tables = list_tables(connection)
        damages = [tell_cut(path)]
        rows = Rows(connection, f"SELECT {_columns(tables, 'runs', _RUN)} FROM runs")  # nosec B608 - names of our own
        drafts: dict[Any, Draft] = {}
        for run_id, name, status, start, end, stage in rows:
            if stage == "deleted" or budget.runs <= 0:
                what = DELETED if stage == "deleted" else MANY_RUNS
                left_out[what] = left_out.get(what, 0) + 1
                continue
            budget.runs -= 1
            draft = drafts[run_id] = Draft("mlflow", str(run_id), str(name or run_id), budget)
            draft.state = _STATES.get(str(status), "unknown")
            draft.started, draft.ended = _seconds(start), _seconds(end)
        damages.append(rows.damage)
        for table, take in (("params", _take_param), ("tags", _take_tag)):
            if tables.get(table, set()) >= {"run_uuid", "key", "value"}:
                texts = Rows(connection, f"SELECT run_uuid, key, value FROM {table}")  # nosec B608 - names of our own
                for run_id, key, value in texts:
                    if run_id in drafts:
                        take(drafts[run_id], str(key), "" if value is None else str(value))
                damages.append(texts.damage)
        # By rowid: in the order in which they were logged.
        points = Rows(connection, "SELECT run_uuid, key, value, timestamp, step, is_nan FROM metrics ORDER BY rowid")
        for run_id, key, value, timestamp, step, is_nan in points:
            draft_or_none = drafts.get(run_id)
            if draft_or_none is None:
                continue
            if not (is_number(value) or is_nan) or not isinstance(step, int):
                draft_or_none.left_out[_BAD_ROWS] += 1
                continue
            if is_nan:
                value = math.nan
            elif abs(value) >= _LARGEST:
                value = math.copysign(math.inf, value)
            seconds = timestamp / 1000 if is_number(timestamp) else math.nan
            draft_or_none.log(str(key), step, float(value), seconds)
        damages.append(points.damage)
    damages = list(filter(None, damages))
    if damages and not drafts:
        raise ImportFilesError(f"{path.name}: {damages[0]}.")
    for draft in drafts.values():
        for damage in damages:
            draft.remark(f"{path.name}: {damage}.")
        yield draft.finish()


_RUN = ("run_uuid", "name", "status", "start_time", "end_time", "lifecycle_stage")


def _columns(tables: Mapping[str, set[str]], table: str, names: Sequence[str]) -> str:
    """Those names that the table has, NULL in place of the others: older versions have fewer."""
    return ", ".join(name if name in tables[table] else "NULL" for name in names)


def _seconds(milliseconds: Any) -> float | None:
    return milliseconds / 1000 if is_number(milliseconds) and 0 < milliseconds < 1e15 else None


def _take_param(draft: Draft, key: str, text: str) -> None:
    draft.configure({key: parse_text(text)})


def _take_tag(draft: Draft, key: str, text: str) -> None:
    if key == "mlflow.runName":
        draft.name = text[:MAX_TEXT] or draft.name
    elif key == "mlflow.note.content":
        draft.note = text
    elif not key.startswith("mlflow.") and len(draft.tags) < 100:
        draft.tags.append(f"{key}: {text}"[:200] if text else key[:200])


# The store of files -------------------------------------------------------------------------------------------------


def read_meta(path: Path) -> dict[str, Any] | None:
    """What a `meta.yaml` tells, if it is that of a run; of one that was cut its whole lines, and the folder's name.

    MLflow writes a line for each entry; a YAML parser would take ten seconds for a thousand runs.
    """
    try:
        with open_regular(path, MAX_META_BYTES) as file:
            *lines, _ = file.read().decode("utf-8", "replace").split("\n")
    except (OSError, DamagedFileError):
        return None
    meta = {entry[1]: _read_entry(entry[2]) for line in lines if (entry := _ENTRY.fullmatch(line.rstrip("\r")))}
    if isinstance(meta.get("run_id") or meta.get("run_uuid"), str):
        return meta
    # An experiment's tells where artifacts lie, and has no metrics beside it.
    is_run = "artifact_location" not in meta and (path.parent / "metrics").is_dir()
    return {**meta, "run_id": path.parent.name} if is_run else None


def _read_entry(text: str) -> str | int | None:
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    if _WHOLE.fullmatch(text):
        return int(text)
    return None if text == "null" else text


def read_run(meta: Mapping[str, Any], files: Mapping[str, Path], budget: Budget) -> list[ForeignRun]:
    """A run of the store of files, by what its `meta.yaml` tells and its files by their names in its folder."""
    run_id = str(meta.get("run_id") or meta["run_uuid"])
    draft = Draft("mlflow", run_id, str(meta.get("run_name") or run_id), budget)
    status = meta.get("status")
    draft.state = _STATES.get(_NUMBERS.get(status, str(status)) if isinstance(status, int | str) else "", "unknown")
    draft.started, draft.ended = _seconds(meta.get("start_time")), _seconds(meta.get("end_time"))
    if LAST_ENTRY not in meta:
        draft.remark("meta.yaml: cut short; what it told of the run's name, state and times may be missing.")
    for name, path in files.items():
        kind, _, key = name.partition("/")
        try:
            if kind == "metrics" and key:
                _read_metric(path, key, draft)
            elif kind == "artifacts":
                draft.left_out["artifacts"] += 1
            elif kind in ("params", "tags") and key:
                with open_regular(path) as file:
                    text = file.read(4 * MAX_TEXT).decode("utf-8", "replace")
                (_take_param if kind == "params" else _take_tag)(draft, key, text)
        except (OSError, DamagedFileError) as error:
            raise ImportFilesError(f"{path.name} cannot be read: {error}.") from error
    return [draft.finish()]


def _read_metric(path: Path, key: str, draft: Draft) -> None:
    """A line for each point: milliseconds, value, step; the oldest versions wrote no step."""
    with open_regular(path) as file:
        line = b""
        for line in iter(lambda: file.readline(MAX_LINE), b""):
            try:
                timestamp, value, *step = line.split()
                point = int(step[0]) if step else 0, float(value), int(timestamp) / 1000
            except (ValueError, OverflowError):
                draft.left_out[_BAD_LINES] += 1
                continue
            if line.endswith(b"\n"):
                draft.log(key, *point)
            else:
                draft.left_out["lines without an end"] += 1
    if not line.endswith(b"\n"):
        draft.remark(f"{path.name}: {'cut short; its last line is left out' if line else 'empty'}.")
