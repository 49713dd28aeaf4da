"""The process that `core.spare` keeps: loads everything, waits for its run, and is its worker from then on."""

from __future__ import annotations

import json
import os
import select
import sys

from core import worker
from core.collector import LoadingTorch

IDLE_SECONDS = 900.0


def main() -> int:
    """Reads `{"run": ..., "log": ...}`, one line; ends where the standard input closes or nothing comes for long."""
    with LoadingTorch():
        from core.engine.warm import warm_up

        warm_up()
    ready, _, _ = select.select([sys.stdin], [], [], IDLE_SECONDS)
    line = sys.stdin.readline() if ready else ""
    if not line:
        return 0
    task = json.loads(line)
    with open(task["log"], "ab") as log, open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        for descriptor in (1, 2):
            os.dup2(log.fileno(), descriptor)
    return worker.main(task["run"])


if __name__ == "__main__":
    sys.exit(main())
