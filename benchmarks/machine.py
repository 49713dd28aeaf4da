"""What a figure was measured on: without it, the figure means little."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("torch", "torchvision", "streamlit", "plotly", "pandas", "pydantic", "optuna")


def describe_machine() -> dict[str, Any]:
    """Processor, cores usable, memory, and versions of what matters for speed."""
    return {
        "processor": _processor_name(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "packages": {name: version(name) for name in PACKAGES},
    }


def _processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def keep_result(name: str, figures: dict[str, Any]) -> Path:
    """Writes `results/<name>.json` with the machine and the date; returns its path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    record = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "machine": describe_machine(), **figures}
    path.write_text(json.dumps(record, indent=2, allow_nan=False) + "\n")
    return path


def read_result(name: str, results: Path = RESULTS) -> dict[str, Any] | None:
    """What was kept under that name; None where nobody measured it."""
    path = results / f"{name}.json"
    found: dict[str, Any] | None = json.loads(path.read_text()) if path.exists() else None
    return found
