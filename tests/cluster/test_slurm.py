"""Nodes from a real Slurm: they come when it has them, leave when it takes them, and come back with the job."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.machines import Machine, wait_for_nodes
from tests.core.workers import wait_for
from tests.slurm_lab import HEAD, Slurm, serve_slurm

pytestmark = [pytest.mark.isolated("ray"), pytest.mark.xdist_group("cluster")]

Record = Callable[[str], None]


@pytest.mark.promise(
    29,
    "Jobs of Slurm are nodes for as long as they last: seen within a minute of their start, lost within 15 s of their "
    "end, back when Slurm starts them again.",
    how="a Slurm of two nodes on this machine, each in a network namespace: `cluster slurm` submits two, one is "
    "cancelled, the other is requeued",
    control="a job that asks for what Slurm has not is refused in its words",
)
def test_jobs_are_nodes_for_as_long_as_they_last(full: bool, tmp_path: Path, record_figure: Record) -> None:
    if not full:
        pytest.skip("takes minutes: make test-cluster")
    with serve_slurm(tmp_path) as slurm:
        head = Machine(tmp_path / "head")
        head.done("cluster", "up", "--address", HEAD)
        try:
            record_figure(watch_jobs(slurm, head))
        finally:
            head.core("cluster", "down", "--yes")


def watch_jobs(slurm: Slurm, head: Machine) -> str:
    refused = head.core("cluster", "slurm", "--time", "0:30:00", "--partition", "none")
    assert "Slurm refused" in refused.stderr
    gpus = head.core("cluster", "slurm", "--gpus", "1", "--time", "4:00:00", "--print").stdout
    subprocess.run(["sbatch", "--test-only"], input=gpus, text=True, check=True, capture_output=True)
    started = time.monotonic()
    job = head.core("cluster", "slurm", "--nodes", "2", "--gpus", "0", "--time", "0:30:00").stdout.strip()
    first = {node.id: node.name for node in wait_for_nodes(head, 2, 180)}
    seen = time.monotonic() - started
    started = time.monotonic()
    slurm.ask("scancel", f"{job}_1")
    wait_for(lambda: len(head.nodes()) == 1, 40)
    lost = time.monotonic() - started
    assert lost < 15
    started = time.monotonic()
    slurm.ask("scontrol", "requeue", f"{job}_2")
    wait_for(lambda: [node for node in head.nodes() if node.id not in first], 300)
    back = time.monotonic() - started
    slurm.ask("scancel", job)
    wait_for(lambda: not head.nodes(), 40)
    moments = (
        f"two nodes {seen:.0f} s after",
        f"cancelled, lost after {lost:.1f} s",
        f"requeued, back after {back:.0f} s",
    )
    return "; ".join(moments)
