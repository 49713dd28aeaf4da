"""Measures what a training takes, in a process of its own that `core.launch.estimates` asks."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from core.engine.estimate import measure
from core.launch.estimates import EstimateError
from core.spec.parse import parse_spec
from core.system.errors import LabError
from core.system.folders import runs_folder
from core.worker.local import set_up_torch


def measure_spec(spec: dict[str, Any], device: str) -> dict[str, Any]:
    """`Measured` as an object, for a spec as JSON. Raises EstimateError."""
    parsed = parse_spec(spec)
    try:
        torch_device, _ = set_up_torch(parsed, device, runs_folder())
        return asdict(measure(parsed, torch_device))
    except LabError as error:
        raise EstimateError(str(error)) from None
