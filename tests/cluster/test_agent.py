"""The agent sees nodes come, train and go, on a real cluster."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.cluster.access import read_token
from core.launch.launcher import start_run
from core.machine.nodes import CLUSTER, Node, read_cluster
from core.machine.versions import describe_versions
from core.runs.place import DRAINED, read_place
from core.runs.store import open_run
from core.system.folders import PROJECT
from tests.core.same_result import assert_same_result
from tests.core.workers import tiny_spec, wait_for, wait_for_state
from tests.ray_cluster import RayCluster, train_here

pytestmark = [
    pytest.mark.isolated("ray"),
    pytest.mark.in_full("the machines of test_up_and_join.py are seen by an agent too"),
]

RUN = "20261129-120000-000-abcdef"
TRAINS = """
import sys, time, ray
class Trainer:
    def train(self):
        return 1
ray.init(address=sys.argv[1], namespace="resnet-lab", log_to_driver=False)
trainer = ray.remote(num_cpus=1)(Trainer).options(name="run-%s-1").remote()
ray.get(trainer.train.remote())
print("trains", flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def agent(ray_cluster: RayCluster) -> Iterator[Path]:
    """An agent at work; returns the runs folder."""
    command = [sys.executable, "-m", "core.cluster.agent", ray_cluster.address]
    with subprocess.Popen(command, cwd=PROJECT, env=os.environ) as process:
        yield ray_cluster.runs
        process.kill()


def look(runs: Path) -> tuple[Node, ...]:
    cluster = read_cluster(runs)
    return cluster.nodes if cluster and not cluster.is_stale() else ()


def test_nodes_are_told_with_memory_and_versions_and_the_head_is_none(agent: Path, ray_cluster: RayCluster) -> None:
    wait_for(lambda: len([node for node in look(agent) if node.memory]) == 2)
    nodes = look(agent)
    assert {node.id for node in nodes} == {node.id for node in ray_cluster.nodes}
    for node in nodes:
        assert (node.cpus, node.cpus_free, node.gpus, node.runs, node.lost) == (1.0, 1.0, 0.0, (), None)
        assert {"python": node.python, "torch": node.torch, "lab": node.lab} == describe_versions()
        assert node.memory > node.memory_used > 0
        assert node.name
        assert node.device
    assert read_token(agent) not in (agent / CLUSTER).read_text()


def test_a_joining_machine_is_told_the_heads_versions(agent: Path, ray_cluster: RayCluster) -> None:
    wait_for(lambda: look(agent))
    command = [sys.executable, "-m", "core.cluster.agent", ray_cluster.address, "ask"]
    told = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True, timeout=60).stdout
    assert describe_versions()["lab"] in told


def test_a_drained_node_gives_its_run_away(agent: Path, ray_cluster: RayCluster) -> None:
    wait_for(lambda: len([node for node in look(agent) if node.lab]) == 2, 120)
    spec = tiny_spec(epochs=300)
    run = open_run(start_run(spec, on="cluster"))
    wait_for(lambda: run.state() == "running" and len(run.rows()) > 2, 300)
    drained = ray_cluster.node_of(int(run.environment()["pid"]))
    reason = ["--reason", "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "needed elsewhere"]
    command = [sys.executable, "-m", "ray.scripts.scripts", "drain-node", "--address", ray_cluster.address]
    subprocess.run([*command, "--node-id", drained.id, *reason], check=True, timeout=300)
    wait_for(lambda: (read_place(run.path) or {}).get("moves"), 300)
    assert [move["reason"] for move in read_place(run.path)["moves"]] == [DRAINED]
    assert wait_for_state(run, "finished", "failed", "interrupted", seconds=600) == "finished", run.log_tail()
    assert "from the same step" in run.remarks()[0]
    assert_same_result(run, train_here(spec))
    ray_cluster.kill(drained)
    ray_cluster.add_node()


def test_a_run_is_on_its_node_until_it_ends_and_a_killed_node_is_lost(agent: Path, ray_cluster: RayCluster) -> None:
    command = [sys.executable, "-c", TRAINS % RUN, ray_cluster.address]
    with subprocess.Popen(command, env=os.environ, stdout=subprocess.PIPE) as trains:
        assert trains.stdout
        assert trains.stdout.readline()
        wait_for(lambda: [node.runs for node in look(agent) if node.cpus_free == 0] == [(RUN,)])
        trains.kill()
    wait_for(lambda: all(node.runs == () and node.cpus_free == 1 for node in look(agent)))
    # All nodes here have one name: one that had just come would count as the killed one, come back.
    wait_for(lambda: all(time.time() - node.since > 30 for node in look(agent)), 60)
    killed = ray_cluster.nodes[0]
    before = time.time()
    ray_cluster.kill(killed)
    (lost,) = wait_for(lambda: [node for node in look(agent) if node.lost is not None], 30)
    assert lost.id == killed.id
    assert lost.cpus_free == 0
    assert 0 <= lost.lost - before < 15
