"""Several small runs on one device at once: images a second of all together, by how many there are.

What a study of small trials gains by slots. Each run is a process of its own, as workers are; on a CPU they share its
cores, as slots do. They are held against one run alone, on a GPU by plain steps, without its graph. Whoever has started
CUDA's multi-process service measures with it.

    RESNET_LAB_IMAGES=... python -m benchmarks.side_by_side --seconds 20
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.machine import keep_result
from benchmarks.throughput import Rider, describe_device
from core.engine.device import pick_device, pick_threads

BATCH_SIZE = 16  # the report's
TURNS = 3


def measure(name: str, count: int, device: torch.device, seconds: float) -> dict[str, Any]:
    """Images a second of `count` runs at once, over a few turns: each from the moment on when all train."""
    threads = pick_threads(count if device.type == "cpu" else 1)
    riders = [Rider(name, BATCH_SIZE, device, threads) for _ in range(count)]
    # The first batches read images, search for algorithms and record the graph.
    for rider in riders:
        rider.begin(1.0)
    for rider in riders:
        rider.result()
    turns = []
    for _ in range(TURNS):
        for rider in riders:
            rider.begin(seconds / TURNS)
        turns.append(sum(rider.result().rate for rider in riders))
    for rider in riders:
        rider.end()
    return {"runs": count, "how": name, "threads_each": threads, "turns": [round(turn, 1) for turn in turns]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="for each number of runs")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--runs", type=int, nargs="+", help="how many at once; without it 1 and what the device holds")
    args = parser.parse_args()

    device = pick_device(args.device)
    on_cuda = device.type == "cuda"
    counts = args.runs or ([1, 2, 4, 8] if on_cuda else [max(2, pick_threads())])
    found = [measure("plain steps" if on_cuda else "engine", 1, device, args.seconds)]
    found += [measure("engine", count, device, args.seconds) for count in counts]
    alone = sorted(found[0]["turns"])[TURNS // 2]
    table = Table(title=f"Runs at once, batch {BATCH_SIZE}: images a second of all, median of {TURNS} turns")
    for heading in ("runs", "how", "threads each", "images/s", "against one after another"):
        table.add_column(heading, justify="right")
    for row in found:
        row["rate"] = sorted(row["turns"])[TURNS // 2]
        row["ratio"] = round(row["rate"] / alone, 2)
        table.add_row(
            str(row["runs"]), row["how"], str(row["threads_each"]), f"{row['rate']:.1f}", f"{row['ratio']:.2f}"
        )
    Console().print(table)
    keep_result(f"side-by-side-{device.type}", {"used": describe_device(device), "runs": found})
    return 0


if __name__ == "__main__":
    sys.exit(main())
