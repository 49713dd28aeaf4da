"""Stands in for `core.worker.estimate:measure_spec` in the measuring process."""

import os
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from core.launch.estimates import EstimateError

MEASURED = {
    "steps": 20,
    "step_seconds": 0.1,
    "score_seconds": 0.01,
    "closing_seconds": 0.47,
    "memory_bytes": 1_000_000_000,
    "image_bytes": 1_000_000,
    "room_bytes": 4_000_000_000,
}


def answer(**_: Any) -> dict[str, Any]:
    return MEASURED


def answer_slowly(**_: Any) -> dict[str, Any]:
    time.sleep(1)
    return MEASURED


def refuse(**_: Any) -> NoReturn:
    raise EstimateError("Memory ran out on cpu.")


def fail(**_: Any) -> NoReturn:
    raise OSError("no such thing")


def hang(**_: Any) -> None:
    time.sleep(60)


def be_killed(**_: Any) -> None:
    os.kill(os.getpid(), 9)


def count_and_exit(**_: Any) -> NoReturn:
    with Path(os.environ["COUNT"]).open("a") as file:
        file.write("x")
    time.sleep(0.5)
    sys.exit(3)
