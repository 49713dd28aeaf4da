"""A Ray cluster of a test's own: a head without places and nodes of one CPU, to be killed, stopped and let go on.

For modules marked `pytest.mark.isolated("ray")`, which find its fixtures: Ray listens on every card, so there must be
the loopback alone. Losing a node is noticed within seconds, because it is asked for a sign of life every second and
lost after three without.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.cluster.access import make_token, ray_environment
from core.cluster.keeper import PLACES
from core.machine.versions import describe_versions, fit_name
from core.runs import presence
from core.runs.folder import Run
from core.runs.store import open_run
from core.spec import RunSpec
from tests.core import workers
from tests.core.workers import is_gone, start_worker, wait_for_state
from tests.made_runs import create_run

HEALTH = {
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 1000,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 3,
}
STORE_BYTES = 80 << 20
ATTEMPTS = 6


def _choose_scope(fixture_name: str, config: pytest.Config) -> str:
    """In full each module has a cluster of its own, as some end theirs."""
    return "module" if config.getoption("--full") else "session"


class RayNode:
    """One node; on this machine, but with processes of its own."""

    def __init__(self, node: Any) -> None:
        self.node = node

    @property
    def id(self) -> str:
        return str(self.node.node_id)

    @property
    def raylet(self) -> int:
        """The process whose children are the node's actors."""
        return int(self.node.all_processes["raylet"][0].process.pid)

    def processes(self) -> list[psutil.Process]:
        """The node's processes and all that they have started, parents first."""
        found: list[psutil.Process] = []
        for kind in self.node.all_processes.values():
            for info in kind:
                with suppress(psutil.NoSuchProcess):
                    process = psutil.Process(info.process.pid)
                    found += [process, *process.children(recursive=True)]
        return found

    def has(self, pid: int) -> bool:
        """Whether this process, as an actor tells its own, belongs to the node."""
        return any(process.pid == pid for process in self.processes())

    def pause(self) -> None:
        """All its processes stand still, as on a machine that hangs or was cut off."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def ended(self, pid: int) -> bool:
        """Whether a process of the node is gone.

        Those that Ray's own processes left as zombies are waited for, as `ray start` does: a raylet that is one passes
        for alive with the processes that it started, which then stay.
        """
        for kind in self.node.all_processes.values():
            for info in kind:
                info.process.poll()
        return is_gone(pid)

    def _signal(self, number: int) -> None:
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)


def start_patiently(start: Callable[[], Any]) -> Any:
    """What `start` returns; again where a node was not up in the time that Ray gives it, as on a busy machine."""
    for attempt in range(1, ATTEMPTS + 1):
        before = set(psutil.Process().children(recursive=True))
        try:
            return start()
        except Exception as error:
            if "timed out during startup" not in str(error) or attempt == ATTEMPTS:
                raise
        for process in set(psutil.Process().children(recursive=True)) - before:
            with suppress(psutil.NoSuchProcess):
                process.kill()
    return None


class RayCluster:
    """The head and its nodes. `close` ends all of them."""

    def __init__(self, runs: Path) -> None:
        from ray.cluster_utils import Cluster

        self.runs = runs
        self.resources = {fit_name(): PLACES}
        head = {
            "num_cpus": 0,
            "object_store_memory": STORE_BYTES,
            "include_dashboard": False,
            "include_log_monitor": False,
            "no_monitor": True,
            "node_ip_address": "127.0.0.1",
            "resources": self.resources,
            "_system_config": HEALTH,
        }
        self._cluster = start_patiently(lambda: Cluster(initialize_head=True, head_node_args=head))
        self.nodes: list[RayNode] = []

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def add_node(self, cpus: int = 1, gpus: int = 0) -> RayNode:
        gives = {"num_cpus": cpus, "num_gpus": gpus, "resources": self.resources, "include_log_monitor": False}
        node = RayNode(start_patiently(lambda: self._cluster.add_node(object_store_memory=STORE_BYTES, **gives)))
        self.nodes.append(node)
        return node

    def node_of(self, pid: int) -> RayNode:
        """The node that a process belongs to."""
        return next(node for node in self.nodes if node.has(pid))

    def kill(self, node: RayNode) -> None:
        """Ends all processes of a node at once, as a power cut would."""
        for process in reversed(node.processes()):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._cluster.remove_node(node.node, allow_graceful=False)
        self.nodes.remove(node)

    def kill_head(self) -> None:
        """Ends the head's processes; its nodes then find nobody."""
        for process in reversed(RayNode(self._cluster.head_node).processes()):
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def write_state(self, **fields: Any) -> None:
        """What the agent would tell of the nodes, for tests without one."""
        from core.machine.nodes import Cluster, Node, write_cluster

        facts = {"cpus": 1, "cpus_free": 1, **describe_versions(), **fields}
        nodes = [Node({"id": node.id, "name": node.id[:6], **facts}) for node in self.nodes]
        write_cluster(self.runs, Cluster(self.address, nodes))

    def close(self) -> None:
        for node in self.nodes:
            node.resume()
        self._cluster.shutdown()


@pytest.fixture(scope=_choose_scope)
def ray_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A runs folder with a cluster's token; this process and those it starts speak to Ray with it."""
    runs = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RESNET_LAB_RUNS", str(runs))
        patch.setattr(workers, "PAUSE_SECONDS", 0.1)  # what is waited for takes seconds, and needs the processor
        make_token(runs)
        for name, value in ray_environment(runs).items():
            if os.environ.get(name) != value:
                patch.setenv(name, value)
        yield runs


@pytest.fixture(scope=_choose_scope)
def ray_cluster(ray_runs: Path) -> Iterator[RayCluster]:
    """A head without places and two nodes of one CPU each."""
    cluster = RayCluster(ray_runs)
    for _ in range(2):
        cluster.add_node()
    yield cluster
    cluster.close()


@pytest.fixture(scope=_choose_scope)
def nodes(ray_cluster: RayCluster) -> Iterator[RayCluster]:
    """The cluster, with somebody who tells its state as the agent does."""
    over = threading.Event()

    def tell() -> None:
        while not over.wait(0.5):
            with suppress(OSError, RuntimeError):
                ray_cluster.write_state()

    ray_cluster.write_state()
    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    yield ray_cluster
    over.set()
    thread.join()


def train_here(spec: RunSpec) -> Run:
    """The finished run of the spec, trained by this machine."""
    run = open_run(create_run(spec))
    presence.mark_launch(run.path, start_worker(run))
    assert wait_for_state(run, "finished", "failed", "interrupted", seconds=600) == "finished"
    return run
