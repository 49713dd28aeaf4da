"""What branches changed, at which epoch, and which epochs the runs of a family share."""

from __future__ import annotations

from collections.abc import Sequence

from core.compare.snapshot import ComparedRun
from core.compare.units import Unit
from core.runs.records import BranchRecord
from core.spec.fields import field_at, label_path, show_value
from core.text.formats import UNKNOWN

_VERBS = {"line": "went on from", "weights": "began with the weights of"}


def tell_changes(record: BranchRecord) -> str:
    """`after epoch 3: Learning rate 0.001 → 0.0001`."""
    changes = [
        f"{label_path(path)} {_show(path, was)} → {_show(path, now)}"
        for path, (was, now) in record.get("changes", {}).items()
    ]
    return f"after epoch {record['epoch']:,}: {', '.join(changes) or 'nothing changed'}"


def _show(path: str, value: object) -> str:
    try:
        return UNKNOWN if value is None else show_value(field_at(path), value)
    except KeyError:
        return str(value)


def list_forks(units: Sequence[Unit]) -> list[str]:
    """A sentence for each unit that is a branch: from what, and what it changed at which epoch."""
    return [
        f"{unit.name} {_VERBS[record['use']]} {record.get('name') or record['run']} {tell_changes(record)}."
        for unit in units
        if (record := unit.first.branch) is not None
    ]


def find_starts(units: Sequence[Unit]) -> dict[str, int]:
    """By the id of a unit the epoch up to which its line is that of an earlier one, which is drawn once."""
    starts: dict[str, int] = {}
    before: list[dict[str, float]] = []
    for unit in units:
        line = {} if unit.is_group else _trace(unit.first)
        shared = [_share(line, other) for other in before]
        starts[unit.id] = int(max(shared, default=0))
        before.append(line)
    return starts


def _trace(run: ComparedRun) -> dict[str, float]:
    """By its id each run that the line comes through, and the last epoch that is of it."""
    line, last = {run.id: float("inf")}, float("inf")
    record = run.branch
    if record is not None and record["use"] == "line":
        for step in (record, *record.get("line", [])):
            last = min(last, step["epoch"])
            line[step["run"]] = last
    return line


def _share(line: dict[str, float], other: dict[str, float]) -> float:
    """The last epoch that two lines have in common; 0 if they have none."""
    common = [min(last, other[run_id]) for run_id, last in line.items() if run_id in other]
    return max(common, default=0)
