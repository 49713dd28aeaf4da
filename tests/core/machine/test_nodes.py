"""What the agent saw of the cluster is what pages and waiting runs read, and silence is never taken for free places."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from core.machine.nodes import (
    CLUSTER,
    STALE_SECONDS,
    Cluster,
    Node,
    forget_cluster,
    join_command,
    read_cluster,
    write_cluster,
)
from core.system.folders import PROJECT

NODE: dict[str, Any] = {
    "id": "a1",
    "name": "box-1",
    "device": "NVIDIA H200",
    "cpus": 16.0,
    "gpus": 2.0,
    "cpus_free": 15.0,
    "gpus_free": 0.5,
    "memory": 128e9,
    "memory_used": 20e9,
    "runs": ["20261129-120000-000-abcdef"],
    "since": 1_700_000_000.0,
    "leaving": None,
    "lost": None,
    "python": "3.11.7",
    "torch": "2.15.0",
    "lab": "0.1.0-3fa9c2d1",
}


def test_what_is_written_is_read(runs: Path) -> None:
    assert read_cluster(runs) is None
    write_cluster(runs, Cluster("10.0.0.5:6379", [Node(NODE), Node({**NODE, "lost": 1_700_000_100.0})]))
    cluster = read_cluster(runs)
    assert cluster
    assert cluster.address == "10.0.0.5:6379"
    assert [node.to_record() for node in cluster.nodes] == [NODE, {**NODE, "lost": 1_700_000_100.0}]
    assert [node.lost for node in cluster.live] == [None]
    forget_cluster(runs)
    assert read_cluster(runs) is None


def test_a_silent_agent_means_no_node_and_no_place(runs: Path) -> None:
    write_cluster(runs, Cluster("a:1", [Node(NODE)], time.time() - STALE_SECONDS - 1))
    cluster = read_cluster(runs)
    assert cluster
    assert cluster.is_stale()
    assert cluster.live == ()
    assert Cluster("a:1", [], time.time() + 3600).is_stale()
    assert not Cluster("a:1", []).is_stale()


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"nodes": 3}', '{"nodes": {"a": 1}}'])
def test_a_damaged_file_is_no_cluster(runs: Path, content: str) -> None:
    (runs / CLUSTER).write_text(content)
    assert read_cluster(runs) is None


def test_values_of_odd_types_are_none(runs: Path) -> None:
    (runs / CLUSTER).write_text(
        '{"address": 3, "written": "now", "nodes": [7, {"id": 5, "cpus": "many", "gpus": 1e400, "runs": [1, "a"], '
        f'"lost": true, "memory": 1{"0" * 400}}}]}}'
    )
    cluster = read_cluster(runs)
    assert cluster
    assert (cluster.address, cluster.is_stale()) == ("", True)
    (node,) = cluster.nodes
    assert (node.id, node.cpus, node.gpus, node.memory, node.runs, node.lost) == ("", 0.0, 0.0, 0.0, ("a",), None)


def test_the_line_to_copy_names_the_address_alone() -> None:
    assert join_command("10.0.0.5:6379") == "python -m core cluster join 10.0.0.5:6379"


def test_a_waiting_worker_can_afford_it() -> None:
    code = "import sys, core.machine.nodes; print({'typing', 'dataclasses', 'ray'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
