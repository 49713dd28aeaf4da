"""A head and two machines on cables, by the lab's own commands: cut off, drained, and the head's Ray killed.

Each time a run trains on a machine; it goes on, and ends bit for bit as the undisturbed one.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.cluster.access import ray_environment
from core.cluster.here import kill_all
from core.launch.launcher import start_run
from core.machine.nodes import Node
from core.runs.folder import Run
from core.runs.place import read_place
from core.runs.store import open_run
from tests.cabled import HERE, Host, lay_cables
from tests.cluster.machines import Machine, wait_for_nodes
from tests.core.same_result import assert_same_result
from tests.core.workers import is_gone, tiny_spec, wait_for, wait_for_state
from tests.ray_cluster import train_here

pytestmark = [pytest.mark.isolated("ray"), pytest.mark.in_full("takes minutes")]

Record = Callable[[str], None]
ADDRESS = f"{HERE}:6379"
SPEC = tiny_spec(epochs=2000)  # outlasts the half minute in which a loss becomes known, on a quick machine too
PATIENCE = 300.0


class Site:
    """A head here, and machines at the other ends of cables."""

    def __init__(self, folder: Path) -> None:
        self.hosts = lay_cables("box-1", "box-2")
        self.head = Machine(folder / "head")
        self.head.done("cluster", "up", "--address", HERE)
        self.boxes = {host.name: Machine(folder / host.name, enter=host.enter) for host in self.hosts}
        with ThreadPoolExecutor() as pool:
            list(pool.map(self.join, self.hosts))

    def join(self, host: Host) -> None:
        options = ["--address", host.address, "--cpus", "1", "--gpus", "0"]
        self.boxes[host.name].done("cluster", "join", ADDRESS, *options, text=self.head.token)

    def host(self, name: str) -> Host:
        return next(host for host in self.hosts if host.name == name)

    def node(self, name: str) -> Node | None:
        """The newest of this name that the agent sees."""
        return next((node for node in self.head.nodes() if node.name == name), None)

    def close(self) -> None:
        for host in self.hosts:
            host.mend()
        for machine in (*self.boxes.values(), self.head):
            machine.core("cluster", "down", "--yes")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RESNET_LAB_RUNS", str(site.head.runs))
        yield site
    site.close()


@pytest.fixture(scope="module")
def undisturbed(site: Site) -> Run:
    return train_here(SPEC)


@pytest.fixture
def training(site: Site) -> Run:
    """A run in training, with both machines there."""
    wait_for_nodes(site.head, 2, PATIENCE)
    run = open_run(start_run(SPEC, on="cluster"))
    wait_for(lambda: run.state() == "running" and len(run.rows()) > 2, PATIENCE)
    return run


def moves_of(run: Run) -> list[tuple[str, str]]:
    return [(move["node"], move["reason"]) for move in (read_place(run.path) or {}).get("moves") or []]


def follow_move(run: Run, started: float) -> str:
    """Until it trains elsewhere; when it was known that it must, and how long it then took."""
    wait_for(lambda: moves_of(run), PATIENCE)
    known = time.monotonic() - started
    rows = len(run.rows())
    wait_for(lambda: len(run.rows()) > rows and run.state() in ("running", "finished"), PATIENCE)
    return f"known after {known:.1f} s, trains {time.monotonic() - started - known:.1f} s later"


def finish(run: Run, undisturbed: Run) -> None:
    assert wait_for_state(run, "finished", "failed", "interrupted", seconds=PATIENCE) == "finished", run.log_tail()
    assert_same_result(run, undisturbed)


@pytest.mark.promise(
    25,
    "A node whose cable is cut is left, its run goes on elsewhere to the same end, and it joins again by itself.",
    how="two machines in network namespaces; the link of the one that trains is taken down, and up again later",
    control="until its Ray gives up, the process that was cut off is there and trains on, and writes nothing",
)
def test_a_cable_is_cut(site: Site, training: Run, undisturbed: Run, record_figure: Record) -> None:
    name, pid = training.environment()["node"], int(training.environment()["pid"])
    before = site.node(name)
    assert before
    site.host(name).cut()
    started = time.monotonic()
    told = follow_move(training, started)
    assert training.environment()["node"] != name
    finish(training, undisturbed)
    site.host(name).mend()
    mended = time.monotonic()
    wait_for(lambda: (node := site.node(name)) and node.id != before.id, PATIENCE)
    assert is_gone(pid)
    record_figure(f"{told}; joined again {time.monotonic() - mended:.0f} s after the cable was back")


@pytest.mark.promise(
    25,
    "A node that is drained gives its run away at once, with the step that it has come to.",
    how="`ray drain-node` with a minute's notice for the node that trains",
    control="until then it is shown as there, and trains",
)
def test_a_node_is_drained(site: Site, training: Run, undisturbed: Run, record_figure: Record) -> None:
    name = training.environment()["node"]
    node = site.node(name)
    assert node
    assert node.leaving is None
    started = time.monotonic()
    drain(site.head, node)
    told = follow_move(training, started)
    assert moves_of(training) == [(name, "was drained")]
    assert training.environment()["node"] != name
    finish(training, undisturbed)
    site.boxes[name].done("cluster", "down")  # it stays drained until then
    wait_for(lambda: site.node(name) is None, PATIENCE)
    site.join(site.host(name))
    record_figure(told)


def drain(head: Machine, node: Node) -> None:
    """As whoever runs the machines does, before one is taken away."""
    reason = ["--reason", "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "needed elsewhere"]
    command = [sys.executable, "-m", "ray.scripts.scripts", "drain-node", "--address", ADDRESS, "--node-id", node.id]
    subprocess.run(
        [*command, *reason, "--deadline-remaining-seconds", "60"],
        env=ray_environment(head.runs),
        check=True,
        capture_output=True,
        timeout=PATIENCE,
    )


@pytest.mark.promise(
    27,
    "The head's Ray is killed and comes back: runs whose keepers live go on by themselves to the same end.",
    how="all processes of Ray on the head are killed while a node trains; only the lab's own keeper is left",
    control="the run waits until then, and is shown as queued, not as running",
)
def test_the_heads_ray_is_killed(site: Site, training: Run, undisturbed: Run, record_figure: Record) -> None:
    before = {node.id for node in site.head.nodes()}
    kill_all(site.head.processes())
    started = time.monotonic()
    wait_for(lambda: training.state() == "queued", PATIENCE)
    told = follow_move(training, started)
    finish(training, undisturbed)
    wait_for_nodes(site.head, 2, PATIENCE)
    assert not before & {node.id for node in site.head.nodes()}
    record_figure(told)
