"""Looks at the cluster every two seconds and writes down what pages, commands and waiting runs need to know of it.

`python -m core.cluster.agent ADDRESS` is a process of its own on the head: Ray ends whoever speaks to it when the head
goes, so nobody who serves people or holds a run's lock may do that. `... ADDRESS ask` prints the head's versions, for
a machine that is about to join.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import AuthenticationError, RayError

from core.cluster.access import REFUSED
from core.machine.devices import list_device_ids, name_device, read_use
from core.machine.nodes import BEAT_SECONDS, Cluster, Node, read_cluster, write_cluster
from core.machine.versions import describe_versions
from core.system.folders import ID_PATTERN, runs_folder
from core.system.processes import host_name

NAMESPACE = "resnet-lab"
RUN = "run-"  # how the names of actors that train begin; the run's id follows, then what keeps two apart
VERSIONS = b"resnet-lab versions"
REMEMBERED_SECONDS = 3600.0  # for which a lost node is shown
KNOWN_SECONDS = 15.0  # in which a loss becomes known: the machine may be back by then
WATCH_SECONDS = 1.0
STARTING_SECONDS = 60.0  # for which a head that answers may not be ready


class Watch:
    """On each node: what its machine is and has; takes no place."""

    def describe(self) -> dict[str, Any]:
        """Name, device and versions of the machine."""
        os.environ.pop("CUDA_VISIBLE_DEVICES", None)  # Ray hides all GPUs from who asked for none
        return {"name": host_name(), "device": name_device(list_device_ids()[0]), **describe_versions()}

    def measure(self) -> dict[str, float]:
        """Memory in bytes."""
        use = read_use("cpu")
        return {"memory": use["memory_total"], "memory_used": use["memory_used"]}


class Agent:
    """What is known of each node, from one look to the next."""

    def __init__(self, address: str, runs: Path) -> None:
        self.address, self.runs = address, runs
        known = read_cluster(runs)
        self.known: dict[str, dict[str, Any]] = {node.id: node.to_record() for node in known.nodes} if known else {}
        self.watches: dict[str, Any] = {}
        self.asked: dict[Any, str] = {}

    def look(self, now: float) -> Cluster:
        """The cluster as it is; nodes that are lost are kept for an hour."""
        live = {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}
        free = ray._private.state.available_resources_per_node()
        runs, drained = find_runs(), ray._private.state.state.get_draining_nodes()
        for node_id, node in live.items():
            record = self.known.setdefault(node_id, {"id": node_id, "name": node["NodeManagerHostname"], "since": now})
            there, left = node["Resources"], free.get(node_id, {})
            record |= {"cpus": there.get("CPU", 0.0), "gpus": there.get("GPU", 0.0), "lost": None}
            record |= {"cpus_free": left.get("CPU", 0.0), "gpus_free": left.get("GPU", 0.0)}
            record["leaving"] = (record.get("leaving") or now) if node_id in drained else None
            record["runs"] = runs.get(node_id, [])
        for node_id, record in self.known.items():
            if node_id not in live and record.get("lost") is None:
                record |= {"lost": now, "runs": [], "cpus_free": 0.0, "gpus_free": 0.0}
                self.watches.pop(node_id, None)
        self.known = {key: record for key, record in self.known.items() if is_shown(record, self.known.values(), now)}
        # A head that only keeps the files has no place for runs, and is no row.
        records = [record for record in self.known.values() if record.get("cpus") or record.get("gpus")]
        self._measure([record["id"] for record in records if record["lost"] is None])
        return Cluster(self.address, map(Node, records), now)

    def _measure(self, live: list[str]) -> None:
        """Asks each node's watch, and takes in what has been answered; one that is silent holds nothing up."""
        for node_id in live:
            if node_id not in self.watches:
                self.watches[node_id] = make_watch(node_id)
                self.asked[self.watches[node_id].describe.remote()] = node_id
            if node_id not in self.asked.values():
                self.asked[self.watches[node_id].measure.remote()] = node_id
        answered, _ = ray.wait(list(self.asked), num_returns=len(self.asked), timeout=WATCH_SECONDS)
        for answer in answered:
            node_id = self.asked.pop(answer)
            try:
                told = ray.get(answer)
            except RayError:  # the watch ended, or its node: a new one is made if the node is there
                self.watches.pop(node_id, None)
                continue
            if node_id in self.known:
                self.known[node_id] |= told


def make_watch(node_id: str) -> Any:
    """An actor on this node alone."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    place = NodeAffinitySchedulingStrategy(node_id, soft=False)
    return ray.remote(num_cpus=0, scheduling_strategy=place)(Watch).remote()


def find_runs() -> dict[str, list[str]]:
    """The runs that are trained on each node, by its id."""
    found: dict[str, list[str]] = {}
    for actor in ray._private.state.actors().values():
        name = actor.get("Name") or ""
        if actor["State"] == "ALIVE" and name.startswith(RUN) and (run := ID_PATTERN.match(name, len(RUN))):
            found.setdefault(actor["Address"]["NodeID"], []).append(run[0])
    return {node_id: sorted(ids) for node_id, ids in found.items()}


def is_shown(record: dict[str, Any], others: Any, now: float) -> bool:
    """Not what was lost long ago, or has come back under its name since."""
    lost = record.get("lost")
    if lost is None:
        return True
    back = any(
        other.get("lost") is None and other["name"] == record["name"] and other["since"] >= lost - KNOWN_SECONDS
        for other in others
    )
    return not back and now - lost < REMEMBERED_SECONDS


def connect(address: str) -> None:
    """Makes this process one of the cluster's."""
    import logging

    ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR)


def connect_once_up(address: str) -> None:
    """The same, while the head still starts: it answers before it takes anybody in. Raises ConnectionError."""
    until = time.monotonic() + STARTING_SECONDS
    while True:
        try:
            return connect(address)
        except ConnectionError:
            if time.monotonic() > until:
                raise
            time.sleep(WATCH_SECONDS)


def watch(address: str) -> None:
    """Looks and writes until this process is ended."""
    from ray.experimental.internal_kv import _internal_kv_put

    connect_once_up(address)
    _internal_kv_put(VERSIONS, json.dumps(describe_versions()).encode(), overwrite=True)
    agent = Agent(address, runs_folder())
    while True:
        started = time.monotonic()
        cluster = agent.look(time.time())
        with suppress(OSError):  # a full disk: what is old says so by its time
            write_cluster(agent.runs, cluster)
        time.sleep(max(0.1, BEAT_SECONDS - (time.monotonic() - started)))


def ask(address: str) -> dict[str, str]:
    """The head's versions, without joining; none while it starts. Raises RayError, if only as the token is refused."""
    from ray._raylet import GcsClient

    told = GcsClient(address=address).internal_kv_get(VERSIONS, None, timeout=10)
    return json.loads(told) if told else {}


if __name__ == "__main__":
    if sys.argv[2:] == ["ask"]:
        try:
            print(json.dumps(ask(sys.argv[1])))
        except AuthenticationError:
            sys.exit(REFUSED)
    else:
        watch(sys.argv[1])
