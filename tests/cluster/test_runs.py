"""Runs on a real Ray cluster of two nodes: bit for bit those of this machine, whatever becomes of the nodes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from core.launch.launcher import LauncherError, request_stop, start_run, start_seeds
from core.machine.nodes import read_cluster
from core.runs.folder import Run
from core.runs.store import open_run
from tests.core.same_result import assert_same_result
from tests.core.workers import is_gone, tiny_spec, wait_for, wait_for_state
from tests.ray_cluster import RayCluster, train_here

pytestmark = [pytest.mark.isolated("ray"), pytest.mark.xdist_group("cluster")]

LONG = tiny_spec(epochs=40)
DONE = ("finished", "failed", "interrupted")


def node_process(run: Run) -> int:
    return int(wait_for(lambda: run.state() == "running" and run.environment().get("pid")))


def test_three_seeds_are_trained_by_two_nodes_and_one_node_is_killed(nodes: RayCluster) -> None:
    began = time.monotonic()
    runs = [open_run(run_id) for run_id in start_seeds(LONG, 3, on="cluster")]
    first, second, third = runs
    wait_for(lambda: len(first.rows()) > 2, 180)
    print(f"first epochs after {time.monotonic() - began:.1f} s")
    assert third.state() == "queued"
    victim = nodes.node_of(node_process(first))
    nodes.kill(victim)
    killed = time.monotonic()
    kept = len(first.rows())
    wait_for(lambda: len(first.rows()) > kept + 1, 180)
    print(f"trains elsewhere {time.monotonic() - killed:.1f} s after the kill")
    nodes.add_node()
    for run in runs:
        assert wait_for_state(run, *DONE, seconds=180) == "finished", run.log_tail()
    assert "went on after epoch" in first.remarks()[0]
    assert second.remarks() == []
    for number, run in enumerate(runs):
        assert_same_result(run, train_here(tiny_spec(epochs=40, seed=LONG.train.seed + number)))


def test_a_stop_is_heard_and_what_hangs_is_ended(nodes: RayCluster) -> None:
    heard, hanging = [open_run(start_run(tiny_spec(epochs=10_000), on="cluster")) for _ in range(2)]
    for run in (heard, hanging):
        wait_for(lambda run=run: len(run.rows()) > 1, 180)
    pid = node_process(hanging)
    os.kill(pid, signal.SIGSTOP)
    asked = time.monotonic()
    for run in (heard, hanging):
        assert request_stop(run.id)
    assert wait_for_state(heard, "stopped", "failed", seconds=10) == "stopped"
    assert heard.checkpoints()[-1].name.endswith("-stopped.safetensors")
    assert wait_for_state(hanging, "stopped", "failed", seconds=10) == "stopped"
    print(f"both stopped after {time.monotonic() - asked:.1f} s")
    assert hanging.checkpoints()
    wait_for(lambda: is_gone(pid))


def test_what_no_node_can_take_is_told_before_the_run_is_made(nodes: RayCluster) -> None:
    before = sorted(path.name for path in nodes.runs.iterdir() if path.name[0].isdigit())
    with pytest.raises(LauncherError, match="no node of the cluster has a GPU"):
        start_run(tiny_spec(device="cuda"), on="cluster")
    assert sorted(path.name for path in nodes.runs.iterdir() if path.name[0].isdigit()) == before


def test_the_head_is_gone_and_nothing_is_shown_as_running_that_does_not(full: bool, nodes: RayCluster) -> None:
    if not full:
        pytest.skip("takes more than a minute: make test-cluster")
    run = open_run(start_run(tiny_spec(epochs=10_000), on="cluster"))
    wait_for(lambda: len(run.rows()) > 1, 180)
    pid = node_process(run)
    assert read_cluster(nodes.runs)
    (nodes.runs / ".cluster.json").unlink()
    nodes.kill_head()
    assert wait_for_state(run, "queued", "failed", "interrupted", seconds=90) == "queued"
    wait_for(lambda: is_gone(pid), 90)
    request_stop(run.id)
    assert wait_for_state(run, "stopped", seconds=10) == "stopped"
    assert Path(run.path / "checkpoints").is_dir()
