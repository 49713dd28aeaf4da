"""Where runs are kept, and what a run's id looks like; small, because every waiting worker imports it."""

from __future__ import annotations

import os
import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
# Made by the server and sorted by time; user text is never part of a path.
ID_PATTERN = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9]{3}-[0-9a-f]{6}")


def runs_folder() -> Path:
    """Where all runs are kept: RESNET_LAB_RUNS, or `runs/` beside the code."""
    return Path(os.environ.get("RESNET_LAB_RUNS") or PROJECT / "runs").absolute()
