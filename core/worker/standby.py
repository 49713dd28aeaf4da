"""The process that `core.launch.standby` keeps: loads everything, waits for its run, and is its worker from then on."""

from __future__ import annotations

import json
import os
import sys

from core.system.gc_pause import LoadingTorch
from core.worker import run


def main() -> int:
    """Reads `{"run": ..., "log": ...}`, one line; ends where the standard input closes, with the server."""
    with LoadingTorch():
        from core.engine.warm import warm_up

        warm_up()
    line = sys.stdin.readline()
    if not line:
        return 0
    task = json.loads(line)
    with open(task["log"], "ab") as log, open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        for descriptor in (1, 2):
            os.dup2(log.fileno(), descriptor)
    return run.main(task["run"])


if __name__ == "__main__":
    sys.exit(main())
