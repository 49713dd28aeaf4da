"""What it costs to train on a node: a run there against the same run here, in turns; and what a second node gains.

Head and nodes are this machine, each node with one CPU: only Ray and the way of the events come on top. Needs Ray, and
Linux that allows network namespaces, where it runs itself again so that nobody reaches the cluster.

    python -m benchmarks.remote --turns 3
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from benchmarks.machine import keep_result
from core.cluster import head
from core.launch.launcher import start_run, start_seeds
from core.machine.nodes import read_cluster
from core.runs.store import open_run
from core.spec import RunSpec
from core.spec.parse import parse_spec
from core.spec.presets import PRESETS
from core.spec.settings import apply_settings
from tests.isolated import find_way, raise_loopback

INSIDE = "RESNET_LAB_BENCHMARK_INSIDE"
SEEDS = 10


@contextmanager
def cluster(folder: Path, nodes: int) -> Iterator[None]:
    """A head with no place and so many nodes of one CPU, by the lab's own commands."""
    runs = Path(os.environ["RESNET_LAB_RUNS"])
    address = head.start_head(runs, "127.0.0.1").address
    boxes = [folder / f"box{number}" for number in range(nodes)]
    token = (runs / ".cluster" / "token").read_text()
    for number, box in enumerate(boxes, start=2):
        box.mkdir()
        head.start_node(box, head.prepare_node(box, address, token, f"127.0.0.{number}", cpus=1, gpus=0))
    try:
        while not (found := read_cluster(runs)) or len(found.live) < nodes:
            time.sleep(0.2)
        yield
    finally:
        for box in boxes:
            head.leave(box)
        head.leave(runs)


def wait(ids: list[str]) -> tuple[float, dict[str, float]]:
    """Seconds until all runs have ended, and what their own processes here took: seconds of CPU, bytes at most."""
    started, used = time.monotonic(), {"cpu_seconds": 0.0, "bytes": 0.0}
    runs = [open_run(run_id) for run_id in ids]
    seen: dict[int, float] = {}
    while any(run.state() in ("queued", "running") for run in runs):
        total = 0
        for process in psutil.process_iter():
            try:
                if "core.cluster.proxy" in (words := process.cmdline()) or "core.cluster.driver" in words:
                    seen[process.pid] = sum(process.cpu_times()[:2])
                    total += process.memory_full_info().pss
            except psutil.Error:
                continue
        used["bytes"] = max(used["bytes"], float(total))
        time.sleep(0.1)
    assert all(run.state() == "finished" for run in runs), [run.summary().reason for run in runs]
    return time.monotonic() - started, {**used, "cpu_seconds": sum(seen.values())}


def epoch_seconds(run_id: str) -> float:
    return statistics.median(float(row["seconds"]) for row in open_run(run_id).rows())


def measure(spec: RunSpec, turns: int, folder: Path) -> dict[str, Any]:
    """One run here and there in turns, then ten seeds on one node and on two."""
    here, there, epochs, used = [], [], [], []
    with cluster(folder, 1):
        for _ in range(turns):
            run_id = start_run(spec)
            here.append(wait([run_id])[0])
            epochs.append(epoch_seconds(run_id))
            seconds, took = wait([start_run(spec, on="cluster")])
            there.append(seconds)
            used.append(took)
        one = wait(start_seeds(spec, SEEDS, on="cluster"))[0]
    (second := folder / "second").mkdir()
    with cluster(second, 2):
        two = wait(start_seeds(spec, SEEDS, on="cluster"))[0]
    return {
        "epoch_seconds": statistics.median(epochs),
        "here_seconds": here,
        "node_seconds": there,
        "node_over_here": statistics.median(there) / statistics.median(here),
        "head_cpu_seconds_a_run": statistics.median(each["cpu_seconds"] for each in used),
        "head_bytes_a_run": max(each["bytes"] for each in used),
        "ten_seeds_one_node_seconds": one,
        "ten_seeds_two_nodes_seconds": two,
        "two_nodes_gain": one / two,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], help="changes a field of first-look, as in `train --set`")
    args = parser.parse_args()
    if INSIDE not in os.environ:
        way = find_way()
        if way is None:
            print("No network namespace can be made here.", file=sys.stderr)
            return 1
        command = [*way, sys.executable, "-m", "benchmarks.remote", *sys.argv[1:]]
        return subprocess.run(command, env={**os.environ, INSIDE: "1"}, check=False).returncode
    raise_loopback()
    settings = ["train.epochs=10", "train.device=cpu", *args.set]
    spec = parse_spec(apply_settings(PRESETS["first-look"].spec.model_dump(mode="json"), settings))
    with tempfile.TemporaryDirectory(prefix="lab-remote-") as folder:
        os.environ |= {"RESNET_LAB_RUNS": f"{folder}/runs", "OMP_NUM_THREADS": "1"}
        Path(folder, "runs").mkdir()
        figures = measure(spec, args.turns, Path(folder))
    for name, value in figures.items():
        print(f"{name}: {value}")
    keep_result("remote", figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
