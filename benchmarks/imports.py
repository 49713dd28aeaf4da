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
import zlib
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.machine import keep_result
from core.imports import swanlab, wandb
from core.imports.checksums import crc32c, masked
from core.imports.wire import BLOCK_BYTES, make_header

POINTS = 1_000_000
LIMIT_SECONDS, LIMIT_MB = 10.0, 500.0
START = 1_760_000_000.0
_READ = """
import json, re, sys, time
from pathlib import Path
import numpy as np
from core.imports.read import read_path
start = time.perf_counter()
(run,) = read_path(Path(sys.argv[1])).runs
seconds, cpu = time.perf_counter() - start, time.process_time()
# What getrusage tells is at least what the parent held.
peak = int(re.search("VmHWM:\\s+([0-9]+)", Path("/proc/self/status").read_text())[1]) / 1000
(series,) = run.series.values()
steps = np.arange(len(series.steps))
values = steps / 3 if sys.argv[2] == "exact" else (steps / 3).astype(np.float32)
assert np.array_equal(series.steps, steps) and np.array_equal(series.values, values), "other values"
print(json.dumps({"points": len(steps), "seconds": seconds, "cpu": cpu, "mb": peak}))
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


def write_mlflow_files(path: Path) -> None:
    (path / "metrics").mkdir(parents=True)
    (path / "meta.yaml").write_text("run_id: a\nrun_name: a\nstatus: 3\n")
    with open(path / "metrics" / "loss", "w") as file:
        file.writelines(f"{int(1000 * START) + step} {step / 3!r} {step}\n" for step in range(POINTS))


def write_trackio(path: Path) -> None:
    with sqlite3.connect(path) as database:
        columns = "id INTEGER PRIMARY KEY, run_id TEXT, timestamp TEXT, run_name TEXT, step INTEGER, metrics BLOB"
        database.execute(f"CREATE TABLE metrics ({columns})")
        rows = (
            ("a", "2026-01-01T00:00:00.5+00:00", "a", step, json.dumps({"loss": step / 3}).encode())
            for step in range(POINTS)
        )
        database.executemany(
            "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics) VALUES (?, ?, ?, ?, ?)", rows
        )


def write_dvclive(path: Path) -> None:
    (path / "plots" / "metrics").mkdir(parents=True)
    with open(path / "plots" / "metrics" / "loss.tsv", "w") as file:
        file.write("timestamp\tstep\tloss\n")
        file.writelines(f"{int(1000 * START) + step}\t{step}\t{step / 3!r}\n" for step in range(POINTS))


def write_clearml(path: Path) -> None:
    path.mkdir()
    (path / "task.json").write_text(json.dumps({"id": "a", "name": "a", "offline_folder": "a"}))
    kind = "training_stats_scalar"
    with open(path / "metrics.jsonl", "w") as file:
        for first in range(0, POINTS, 1000):
            steps = range(first, min(first + 1000, POINTS))
            about = {"metric": "loss", "variant": "loss", "type": kind, "task": "a" * 32, "worker": "host"}
            times = (int(1000 * START) + step for step in steps)
            reports = [
                {**about, "iter": step, "timestamp": time, "value": step / 3}
                for step, time in zip(steps, times, strict=True)
            ]
            file.write(json.dumps(reports) + "\n")


def _message(*fields: tuple[int, int | bytes]) -> bytes:
    """A message of Protocol Buffers, of numbers and of bytes."""
    parts = []
    for number, value in fields:
        if isinstance(value, int):
            parts.append(_varint(8 * number) + _varint(value))
        else:
            parts.append(_varint(8 * number + 2) + _varint(len(value)) + value)
    return b"".join(parts)


def _varint(value: int) -> bytes:
    content = bytearray()
    while value > 127:
        content.append(value & 127 | 128)
        value >>= 7
    return bytes([*content, value])


def _write_log(path: Path, header: tuple[bytes, int, int], records: Iterable[bytes]) -> None:
    """Records in blocks, as W&B and SwanLab frame them."""
    with open(path, "wb") as file:
        place = file.write(make_header(header))
        for record in records:
            if (room := BLOCK_BYTES - place % BLOCK_BYTES) < len(record) + 7:
                place += file.write(bytes(room))  # as the writers leave it where not even a piece has room
            place += file.write(struct.pack("<IHB", zlib.crc32(b"\1" + record), len(record), 1) + record)


def write_wandb(path: Path) -> None:
    def item(name: str, value: object) -> tuple[int, bytes]:
        return 1, _message((2, name.encode()), (16, json.dumps(value).encode()))

    def history(step: int) -> bytes:
        time = START + step / 100
        items = (item("loss", step / 3), item("_timestamp", time), item("_runtime", step / 100), item("_step", step))
        return _message((2, _message(*items, (2, _message((1, step))))))

    run = _message((17, _message((1, b"a"), (3, b"p"), (8, b"a"))))
    _write_log(path, wandb.HEADER, chain([run], map(history, range(POINTS))))


def write_swanlab(path: Path) -> None:
    def scalar(step: int) -> bytes:
        value = b"\x09" + struct.pack("<d", step / 3)
        time = _message((1, int(START) + step // 100), (2, step % 100 * 10_000_000))
        return _message((13, _message((1, b"loss"), (2, step), (4, time), (5, value))))

    _write_log(path, swanlab.HEADER, map(scalar, range(POINTS)))


FORMATS: dict[str, Callable[[Path], None]] = {
    "tensorboard": write_events,
    "csv": write_csv,
    "mlflow": write_mlflow,
    "mlflow files": write_mlflow_files,
    "wandb": write_wandb,
    "trackio": write_trackio,
    "dvclive": write_dvclive,
    "swanlab": write_swanlab,
    "clearml": write_clearml,
}


def measure(name: str) -> dict[str, Any]:
    precision = "single" if name == "tensorboard" else "exact"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        FORMATS[name](path)
        command = [sys.executable, "-c", _READ, str(path), precision]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
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
