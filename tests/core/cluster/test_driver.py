"""The way to Ray: what it asks for, and how it tells that something is gone."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import pytest

from core.cluster.access import ray_environment
from core.cluster.events import BLOB, Alive, Arrived, Item, Line, Lost, Need, Opened, Task, Told
from core.cluster.link import start_driver
from core.engine.events import EpochEnd, Finished
from core.machine.versions import describe_versions, fit_name
from tests.core.workers import is_gone, tiny_spec, wait_for
from tests.ray_cluster import RayCluster

pytestmark = pytest.mark.isolated("ray")


ONE_CPU = Need(1.0, 0.0, 1)


class Way:
    """A driver's process, and this end of its socket."""

    def __init__(self, cluster: RayCluster, address: str = "", fit: str = "", need: Need = ONE_CPU) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = start_driver(theirs, ray_environment(cluster.runs))
        self.connection: Connection[Any, Any] = Connection(ours.detach())
        self.connection.send(Line(address or cluster.address, "run", need, fit or fit_name(), describe_versions()))

    def items(self, seconds: float = 60) -> Iterator[Item]:
        """What comes, without the signs of life."""
        while self.connection.poll(seconds):
            item = self.connection.recv()
            if not isinstance(item, Alive):
                yield item

    def close(self) -> None:
        self.connection.close()
        self.process.wait(10)


def test_one_process_on_a_node_trains_one_task_after_the_other(ray_cluster: RayCluster) -> None:
    way = Way(ray_cluster)
    pids = []
    for _ in range(2):
        way.connection.send(Task(tiny_spec(epochs=2).model_dump_json()))
        items = way.items()
        arrived, opened = next(items), next(items)
        assert isinstance(arrived, Arrived)
        assert isinstance(opened, Opened)
        assert arrived.node in {node.id for node in ray_cluster.nodes}
        pids.append(arrived.pid)
        events = []
        for item in items:
            assert isinstance(item, Told)
            events.append(item.event)
            if isinstance(item.event, Finished):
                break
        states = [event.state[BLOB] for event in events if isinstance(event, EpochEnd)]
        assert len(states) == 2
        assert all(type(state) is bytes for state in states)
    assert pids[0] == pids[1]
    way.close()


def test_no_node_of_other_versions_is_taken(ray_cluster: RayCluster) -> None:
    way = Way(ray_cluster, fit="lab-other")
    way.connection.send(Task(tiny_spec().model_dump_json()))
    for _ in range(3):
        assert way.connection.poll(30)
        assert way.connection.recv() == Alive(None), "it waits, and no node answers"
    way.close()


def test_a_cluster_that_is_not_there_is_lost(ray_cluster: RayCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "2")
    way = Way(ray_cluster, address="127.0.0.1:9")
    said: list[Item] = []
    with suppress(EOFError, OSError):
        said += way.items()
    # Ray may end the process before that says so: the closed socket does.
    assert [isinstance(item, Lost) and "does not answer at 127.0.0.1:9" in item.reason for item in said] in ([], [True])
    assert way.process.wait(20) is not None


def test_who_asked_is_gone_and_so_is_the_process_on_the_node(ray_cluster: RayCluster) -> None:
    way = Way(ray_cluster)
    way.connection.send(Task(tiny_spec(epochs=10_000).model_dump_json()))
    arrived = next(way.items())
    assert isinstance(arrived, Arrived)
    way.close()
    wait_for(lambda: is_gone(arrived.pid), 15)
