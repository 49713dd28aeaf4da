"""Runs on a real Ray cluster of two nodes: bit for bit those of this machine, whatever becomes of the nodes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.launch.launcher import LauncherError, request_stop, start_run, start_seeds
from core.machine.nodes import read_cluster
from core.runs.folder import Run
from core.runs.store import open_run
from tests.core.same_result import assert_same_result
from tests.core.workers import is_gone, tiny_spec, wait_for, wait_for_state
from tests.ray_cluster import RayCluster, train_here

pytestmark = pytest.mark.isolated("ray")

Record = Callable[[str], None]
LONG = tiny_spec(epochs=40)
DONE = ("finished", "failed", "interrupted")


def node_process(run: Run) -> int:
    return int(wait_for(lambda: run.state() == "running" and run.environment().get("pid")))


@pytest.mark.promise(
    27,
    "A run begins on a node of a warm cluster within 15 s, waits where no node is free, and outlives its node.",
    how="three seeds on two nodes of one CPU each, and one node is killed",
    control="the run on the other node has nothing to say of a move",
)
def test_three_seeds_are_trained_by_two_nodes_and_one_node_is_killed(
    full: bool, nodes: RayCluster, record_figure: Record
) -> None:
    began = time.monotonic()
    runs = [open_run(run_id) for run_id in start_seeds(LONG, 3, on="cluster")]
    first, second, third = runs
    wait_for(first.rows, 180)
    first_epoch = time.monotonic() - began
    assert first_epoch < 15 or not full
    wait_for(lambda: len(first.rows()) > 2, 180)
    assert third.state() == "queued"
    victim = nodes.node_of(node_process(first))
    nodes.kill(victim)
    killed = time.monotonic()
    kept = len(first.rows())
    wait_for(lambda: len(first.rows()) > kept + 1, 180)
    record_figure(
        f"its first epoch had ended {first_epoch:.1f} s after the start; "
        f"trained elsewhere {time.monotonic() - killed:.1f} s after the kill"
    )
    nodes.add_node()
    for run in runs:
        assert wait_for_state(run, *DONE, seconds=180) == "finished", run.log_tail()
    assert "went on after epoch" in first.remarks()[0]
    assert second.remarks() == []
    for number, run in enumerate(runs):
        assert_same_result(run, train_here(tiny_spec(epochs=40, seed=LONG.train.seed + number)))


@pytest.mark.promise(
    27,
    "A stop is heard within 10 s, with a checkpoint of its step; where the node's process hangs, it is ended.",
    how="two runs in training, the process of one stopped by SIGSTOP; both are then asked to stop",
    control="the one that hangs keeps the checkpoint of its last epoch, and none of its step",
)
def test_a_stop_is_heard_and_what_hangs_is_ended(nodes: RayCluster, record_figure: Record) -> None:
    heard, hanging = [open_run(start_run(tiny_spec(epochs=10_000), on="cluster")) for _ in range(2)]
    for run in (heard, hanging):
        wait_for(lambda run=run: len(run.rows()) > 1, 180)
    pid = node_process(hanging)
    os.kill(pid, signal.SIGSTOP)
    asked = time.monotonic()
    for run in (heard, hanging):
        assert request_stop(run.id)
    assert wait_for_state(heard, "stopped", "failed", seconds=10) == "stopped"
    round_trip = time.monotonic() - asked
    assert heard.checkpoints()[-1].name.endswith("-stopped.safetensors")
    assert wait_for_state(hanging, "stopped", "failed", seconds=10) == "stopped"
    record_figure(f"stopped after {round_trip:.1f} s, the one that hangs after {time.monotonic() - asked:.1f} s")
    assert hanging.checkpoints()
    assert not hanging.checkpoints()[-1].name.endswith("-stopped.safetensors")
    wait_for(lambda: is_gone(pid))


def test_what_no_node_can_take_is_told_before_the_run_is_made(nodes: RayCluster) -> None:
    before = sorted(path.name for path in nodes.runs.iterdir() if path.name[0].isdigit())
    with pytest.raises(LauncherError, match="no node of the cluster has a GPU"):
        start_run(tiny_spec(device="cuda"), on="cluster")
    assert sorted(path.name for path in nodes.runs.iterdir() if path.name[0].isdigit()) == before


@pytest.mark.promise(
    27,
    "Where the head's Ray is gone for good, its run is shown as waiting, not as running, and can be stopped.",
    how="the head's processes are killed while a node trains, and nobody starts them again",
    control="until it is known, the run is shown as running, and its process on the node is there",
)
@pytest.mark.in_full("takes more than a minute")
def test_the_head_is_gone_and_nothing_is_shown_as_running_that_does_not(
    nodes: RayCluster, record_figure: Record
) -> None:
    run = open_run(start_run(tiny_spec(epochs=10_000), on="cluster"))
    wait_for(lambda: len(run.rows()) > 1, 180)
    pid = node_process(run)
    assert read_cluster(nodes.runs)
    (nodes.runs / ".cluster.json").unlink()
    assert run.state() == "running"
    assert not is_gone(pid)
    nodes.kill_head()
    killed = time.monotonic()
    assert wait_for_state(run, "queued", "failed", "interrupted", seconds=90) == "queued"
    known = time.monotonic() - killed
    wait_for(lambda: is_gone(pid), 90)
    record_figure(f"shown as waiting after {known:.1f} s; its process gone {time.monotonic() - killed:.1f} s after")
    request_stop(run.id)
    assert wait_for_state(run, "stopped", seconds=10) == "stopped"
    assert Path(run.path / "checkpoints").is_dir()
