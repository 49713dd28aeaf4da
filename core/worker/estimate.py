"""Measures what a training takes: `python -m core.worker.estimate`, a task on standard input, JSON out."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict

from core.spec.parse import parse_spec
from core.system.errors import LabError
from core.system.folders import runs_folder
from core.system.gc_pause import LoadingTorch
from core.worker.run import set_up_torch


def main() -> int:
    """Reads `{"spec": ..., "device": ...}`; writes `Measured` as an object, or `{"error": ...}`."""
    task = json.load(sys.stdin)
    spec = parse_spec(task["spec"])
    # A page asked; a training that somebody waits for goes first.
    os.nice(5)

    with LoadingTorch():
        from core.engine.estimate import measure

    try:
        device, _ = set_up_torch(spec, task["device"], runs_folder())
        told = asdict(measure(spec, device))
    except LabError as error:
        told = {"error": str(error)}
    json.dump(told, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
