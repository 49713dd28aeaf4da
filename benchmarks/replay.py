"""The recorded trainings as a doctor or a forecast would have seen them, epoch after epoch."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from core.doctor.observed import Columns, Observed
from core.runs.within import STEP_FIELDS, keep_sound, to_means
from core.spec.parse import parse_spec

RECORDINGS = Path(__file__).parent / "recordings"


@dataclass(frozen=True)
class Recording:
    """One recorded training; `illness` is the rule that has to name it, or "" of a healthy one."""

    name: str
    illness: str
    observed: Observed


@cache
def read_recordings(family: str) -> tuple[Recording, ...]:
    return tuple(map(_read, json.loads(gzip.decompress((RECORDINGS / f"{family}.json.gz").read_bytes()))))


def _read(kept: dict[str, Any]) -> Recording:
    spec, end = parse_spec(kept["spec"]), kept["end"]
    labels, classes = (_unpack(kept[name]) for name in ("val_labels", "val_classes"))
    steps = to_means(keep_sound(_to_rows(kept["steps"]), STEP_FIELDS)[0])
    use = {name if name == "seconds" else f"system/{name}": values for name, values in _to_arrays(kept["use"]).items()}
    observed = Observed(
        spec=spec,
        rows=_to_arrays(kept["rows"]),
        steps={name: np.array([row[name] for row in steps], float) for name in (steps[0] if steps else ())},
        use=use,
        environment=kept["environment"],
        state=end.get("state", ""),
        kind=end.get("kind", ""),
        reason=end.get("reason", ""),
        results=end.get("metrics", {}),
        predicted=None if classes is None or labels is None else classes.reshape(-1, len(labels)),
        labels=labels,
    )
    return Recording(kept["name"], kept["illness"], observed)


def _to_rows(columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _to_arrays(columns: dict[str, list[Any]]) -> Columns:
    return {name: np.array(values, float) for name, values in columns.items() if name != "not_finite"}


def _unpack(text: str | None) -> np.ndarray[Any, Any] | None:
    return None if text is None else np.frombuffer(base64.b64decode(text), np.uint8).astype(np.int64)


def replay(observed: Observed) -> Iterator[Observed]:
    """The training before its first epoch, after each, and at its end."""
    for epoch in range(observed.epochs + 1):
        yield observed.until(epoch)
    if observed.has_ended:
        yield observed
