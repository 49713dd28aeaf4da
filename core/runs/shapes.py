"""Whether the records of a run folder hold what their types say."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator
from typing import Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from core.runs.records import (
    BranchRecord,
    BranchStep,
    CheckpointEntry,
    Crash,
    DoctorRecord,
    End,
    Environment,
    ForecastRecord,
    ForeignRecord,
    MappedFigure,
    Move,
    PlaceRecord,
    ProgressRecord,
    WorkerRecord,
)
from core.spec.train import MAX_EPOCHS
from core.system.files import is_storable

MAX_NUMBER = 2**63
HALF = "holds half a character (a lone surrogate)"  # nothing that the lab writes does, and no browser takes it


def model_of(
    record: type,
    required: Container[str] = (),
    *,
    nullable: bool = True,
    extra: Literal["ignore", "forbid"] = "ignore",
    **inner: Any,
) -> type[BaseModel]:
    """A record of `core.runs.records` as a strict model; keys that no page reads may hold any JSON.

    `inner` has the types of fields that are records themselves.
    """
    hints = {**get_type_hints(record, include_extras=True), **inner}
    fields: dict[str, Any] = {
        key: (hint | None if nullable else hint, ... if key in required else None) for key, hint in hints.items()
    }
    return create_model(record.__name__, __config__=ConfigDict(strict=True, allow_inf_nan=False, extra=extra), **fields)


ENVIRONMENT, PROGRESS = model_of(Environment), model_of(ProgressRecord)
WORKER, CRASH, FORECAST = model_of(WorkerRecord), model_of(Crash), model_of(ForecastRecord)
DOCTOR = model_of(DoctorRecord, {"found"}, nullable=False)
PLACE = model_of(PlaceRecord, moves=list[model_of(Move, {"node", "reason", "epoch", "time"}, nullable=False)])  # type: ignore[misc]
END = model_of(End, {"state"}, nullable=False)
_MAPPED: Any = model_of(MappedFigure, {"series", "percent"}, nullable=False)
FOREIGN = model_of(
    ForeignRecord, {"format", "key", "configuration", "mapping"}, nullable=False, mapping=dict[str, _MAPPED]
)
_STEP: Any = model_of(BranchStep, {"run", "epoch"}, nullable=False)
BRANCH = model_of(
    BranchRecord, {"run", "epoch", "use", "checkpoint", "sha256", "bytes"}, nullable=False, line=list[_STEP]
)
_ENTRY: Any = model_of(CheckpointEntry, {"name", "epoch", "bytes", "sha256", "kind"}, nullable=False)
CHECKPOINTS = create_model("CheckpointList", checkpoints=(list[_ENTRY], ...))


def find_fault(model: type[BaseModel], value: dict[str, Any]) -> str:
    """The first field that is not what its type says, with what is wrong; empty if all are."""
    try:
        model.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])[:80]
        return f"{where}: {first['msg'][:200].lower()}"
    return next((f"{where}: {HALF}" for where, text in _list_texts(value) if not is_storable(text)), "")


def _list_texts(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a record, names of fields too, with its place."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            name = ascii(key)[1:-1] if isinstance(key, str) else str(key)
            place = f"{where}.{name}" if where else name
            if isinstance(key, str):
                yield place[:80], key
            yield from _list_texts(inner, place[:80])


def find_row_fault(row: dict[str, Any]) -> str:
    """The same for a line of the metrics: numbers or null, but for the names of what was not finite."""
    for key, value in row.items():
        if not is_storable(key):
            return f"a column's name {HALF}"
        if key == "epoch":
            fits, wanted = type(value) is int and 0 <= value <= MAX_EPOCHS, f"a whole number up to {MAX_EPOCHS:,}"
        elif key == "not_finite":
            fits = isinstance(value, list) and all(isinstance(name, str) and is_storable(name) for name in value)
            wanted = "a list of names"
        else:
            usable = math.isfinite(value) if type(value) is float else type(value) is int and abs(value) < MAX_NUMBER
            fits, wanted = value is None or usable, "a number"
        if not fits:
            return f"{key[:80]}: must be {wanted}"
    return ""
