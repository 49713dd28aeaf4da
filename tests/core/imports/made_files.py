"""The files that the tools themselves wrote, and what each tool's own reader gives for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from core.imports.values import ForeignRun, Series

MADE = Path(__file__).parent / "made"


def read_expected(tool: str) -> Any:
    return json.loads((MADE / tool / "expected.json").read_text())


def to_points(series: Series) -> list[list[Any]]:
    """Step, value and time of each point, to the last bit; no time is None."""
    points = zip(series.steps.tolist(), series.values.tolist(), series.times.tolist(), strict=True)
    return [[step, value.hex(), None if time != time else time.hex()] for step, value, time in points]


def all_points(run: ForeignRun) -> dict[str, list[list[Any]]]:
    return {name: to_points(series) for name, series in run.series.items()}
