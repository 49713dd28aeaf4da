"""How long a million points of another tool take to be read, and the most memory that the process ever held.

    python -m benchmarks.imports

Each file is written first, then read in a process of its own; times are those of the process's CPU and of the wall.
"""

from __future__ import annotations

import json
import sqlite3
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.machine import keep_result
from core.imports.checksums import crc32c, masked

POINTS = 1_000_000
LIMIT_SECONDS, LIMIT_MB = 10.0, 500.0
START = 1_760_000_000.0
_READ = """
import json, re, sys, time
from pathlib import Path
from core.imports.read import read_path
start = time.perf_counter()
(run,) = read_path(Path(sys.argv[1])).runs
seconds = time.perf_counter() - start
# What getrusage tells is at least what the parent held.
peak = int(re.search("VmHWM:\\s+([0-9]+)", Path("/proc/self/status").read_text())[1]) / 1000
points = sum(len(series.steps) for series in run.series.values())
print(json.dumps({"points": points, "seconds": seconds, "cpu": time.process_time(), "mb": peak}))
"""


def write_events(path: Path) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    def scalar(step: int) -> bytes:
        summary = Summary(value=[Summary.Value(tag="train/loss", simple_value=step / 3)])
        return bytes(Event(wall_time=START + step / 100, step=step, summary=summary).SerializeToString())

    records = [Event(wall_time=START, file_version="brain.Event:2").SerializeToString(), *map(scalar, range(POINTS))]
    heads = b"".join(struct.pack("<Q", len(record)) for record in records)
    parts = zip(
        records, _checksums([heads[i : i + 8] for i in range(0, len(heads), 8)]), _checksums(records), strict=True
    )
    with open(path, "wb") as file:
        for record, head, data in parts:
            file.write(struct.pack("<QI", len(record), head) + record + struct.pack("<I", data))


def _checksums(pieces: list[bytes]) -> list[int]:
    lengths = np.array([len(piece) for piece in pieces], np.int64)
    content = np.frombuffer(b"".join(pieces), np.uint8)
    found: list[int] = masked(crc32c(content, np.cumsum(lengths) - lengths, lengths)).tolist()
    return found


def write_csv(path: Path) -> None:
    with open(path, "w") as file:
        file.write("step,time,loss\n")
        file.writelines(f"{step},{START + step / 100!r},{step / 3!r}\n" for step in range(POINTS))


def write_mlflow(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE runs (run_uuid TEXT, name TEXT, status TEXT, lifecycle_stage TEXT)")
        database.execute(
            "CREATE TABLE metrics (key TEXT, value FLOAT, timestamp BIGINT, run_uuid TEXT, step BIGINT, is_nan BOOLEAN)"
        )
        database.execute("INSERT INTO runs VALUES ('a', 'a', 'FINISHED', 'active')")
        rows = (("loss", step / 3, int(1000 * START) + step, "a", step, 0) for step in range(POINTS))
        database.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", rows)


FORMATS: dict[str, Callable[[Path], None]] = {"tensorboard": write_events, "csv": write_csv, "mlflow": write_mlflow}


def measure(name: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        FORMATS[name](path)
        done = subprocess.run([sys.executable, "-c", _READ, str(path)], capture_output=True, text=True, check=True)
        figures: dict[str, Any] = json.loads(done.stdout)
        return figures


def main() -> None:
    table = Table(title=f"{POINTS:,} points; at most {LIMIT_SECONDS:.0f} s and {LIMIT_MB:.0f} MB")
    for heading in ("format", "seconds", "CPU seconds", "MB at most"):
        table.add_column(heading)
    found = {name: measure(name) for name in FORMATS}
    for name, figures in found.items():
        table.add_row(name, f"{figures['seconds']:.1f}", f"{figures['cpu']:.1f}", f"{figures['mb']:.0f}")
    Console().print(table)
    keep_result("imports", {"formats": found, "limits": {"seconds": LIMIT_SECONDS, "mb": LIMIT_MB}})


if __name__ == "__main__":
    main()
