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
from core.cluster.here import find_own
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
PAUSE_SECONDS, LOOK_SECONDS = 0.2, 1.0  # whoever looks takes of the same processor


@contextmanager
def cluster(folder: Path, nodes: int) -> Iterator[None]:
    """A head with no place and so many nodes of one CPU, by the lab's own commands."""
    runs = Path(os.environ["RESNET_LAB_RUNS"])
    address = head.start_head(runs, head.prepare_head(runs, "127.0.0.1")).address
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


class Head:
    """What the head's processes take for runs on nodes: of each run those that keep it, of all Ray's own."""

    def __init__(self) -> None:
        self.others: set[int] = set()  # processes that keep no run
        self.keepers: dict[int, psutil.Process] = {}
        self.seconds: dict[int, float] = {}
        self.bytes = 0

    def look(self) -> float:
        """Seconds of CPU so far of the processes that keep runs; notes how much memory they have."""
        for pid in set(psutil.pids()) - self.others - self.keepers.keys():
            try:
                process = psutil.Process(pid)
                keeps = {"core.cluster.proxy", "core.cluster.driver"} & set(process.cmdline())
            except psutil.Error:
                continue
            if keeps:
                self.keepers[pid] = process
            elif process.create_time() < time.time() - LOOK_SECONDS:  # else it may be about to become one
                self.others.add(pid)
        total = 0
        for pid, process in self.keepers.items():
            try:
                self.seconds[pid] = sum(process.cpu_times()[:2])
                total += process.memory_full_info().pss
            except psutil.Error:
                continue
        self.bytes = max(self.bytes, total)
        return sum(self.seconds.values())


def ray_seconds(runs: Path) -> float:
    """Seconds of CPU of all that the head's keeper started, which the number of runs does not change much."""
    return sum(sum(process.cpu_times()[:2]) for process in find_own(runs))


def wait(ids: list[str]) -> float:
    """Seconds until all runs have finished."""
    started = time.monotonic()
    runs = [open_run(run_id) for run_id in ids]
    while any(run.state() in ("queued", "running") for run in runs):
        time.sleep(PAUSE_SECONDS)
    assert all(run.state() == "finished" for run in runs), [run.summary().reason for run in runs]
    return time.monotonic() - started


def watch(run_id: str) -> dict[str, float]:
    """What the head takes for one run: from its start to its end, and a second while it trains."""
    run, head_use, runs = open_run(run_id), Head(), Path(os.environ["RESNET_LAB_RUNS"])
    trains: tuple[float, float, float] | None = None
    while run.state() in ("queued", "running"):
        used = head_use.look()
        if trains is None and run.rows():
            trains = time.monotonic(), used, ray_seconds(runs)
        if len(run.rows()) < run.spec.train.epochs:
            last = time.monotonic(), used
            ray = ray_seconds(runs)
        time.sleep(LOOK_SECONDS)
    assert trains, run.log_tail()
    lasted = last[0] - trains[0]
    return {
        "cpu_seconds_a_run": sum(head_use.seconds.values()),
        "cpu_seconds_a_second_of_training": (last[1] - trains[1]) / lasted,
        "cpu_seconds_a_second_of_ray": (ray - trains[2]) / lasted,
        "bytes_a_run": head_use.bytes,
    }


def epoch_seconds(run_id: str) -> float:
    rows = open_run(run_id).rows()
    return float(rows[-1]["seconds"]) / len(rows)


def measure(spec: RunSpec, turns: int, seeds: RunSpec, folder: Path) -> dict[str, Any]:
    """One run here and there in turns, what the head takes for one, then ten seeds on one node and on two."""
    here, there, epochs, epochs_there = [], [], [], []
    short = seeds.model_copy(update={"train": seeds.train.model_copy(update={"epochs": 1})})
    with cluster(folder, 1):
        wait([start_run(short, on="cluster")])  # a node is warm from its second run on
        for _ in range(turns):
            run_id = start_run(spec)
            here.append(wait([run_id]))
            epochs.append(epoch_seconds(run_id))
            run_id = start_run(spec, on="cluster")
            there.append(wait([run_id]))
            epochs_there.append(epoch_seconds(run_id))
        used = watch(start_run(seeds, on="cluster"))
        one = wait(start_seeds(seeds, SEEDS, on="cluster"))
    (second := folder / "second").mkdir()
    with cluster(second, 2):
        two = wait(start_seeds(seeds, SEEDS, on="cluster"))
    return {
        "epochs": spec.train.epochs,
        "epoch_seconds_here": epochs,
        "epoch_seconds_node": epochs_there,
        "here_seconds": here,
        "node_seconds": there,
        "node_over_here": statistics.median(there) / statistics.median(here),
        "head": used,
        "epochs_of_seeds": seeds.train.epochs,
        "ten_seeds_one_node_seconds": one,
        "ten_seeds_two_nodes_seconds": two,
        "two_nodes_gain": one / two,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seeds-epochs", type=int, default=10, help="epochs of each of the ten seeds")
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
        seeds = spec.model_copy(update={"train": spec.train.model_copy(update={"epochs": args.seeds_epochs})})
        figures = measure(spec, args.turns, seeds, Path(folder))
    for name, value in figures.items():
        print(f"{name}: {value}")
    keep_result("remote", figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
