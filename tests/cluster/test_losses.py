"""Nodes that are killed again and again, or hang, while they train: every run ends as if nothing had happened."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random

import pytest

from core.launch.launcher import start_run, start_seeds
from core.runs.folder import Run
from core.runs.place import read_place
from core.runs.store import open_run
from core.spec import RunSpec
from tests.core.same_result import assert_same_result
from tests.core.workers import is_gone, tiny_spec, wait_for, wait_for_state
from tests.ray_cluster import RayCluster, RayNode, train_here

pytestmark = [pytest.mark.isolated("ray"), pytest.mark.in_full("takes minutes; in short, test_runs.py kills a node")]

Record = Callable[[str], None]
DONE = ("finished", "failed", "interrupted")
RUNS, KILLS, EPOCHS = 10, 20, 400
PATIENCE = 300.0


@pytest.fixture
def two_nodes(nodes: RayCluster) -> RayCluster:
    """The module's cluster, with two nodes whatever the test before did to them."""
    while len(nodes.nodes) < 2:
        nodes.add_node()
    return nodes


def training_process(run: Run) -> int | None:
    """The process on a node that trains it just now."""
    return run.environment().get("pid") if run.state() == "running" else None


def finish(run: Run) -> None:
    assert wait_for_state(run, *DONE, seconds=2 * PATIENCE) == "finished", run.log_tail()


@pytest.mark.promise(
    27,
    "A run whose node is killed goes on elsewhere by itself, and ends bit for bit as the undisturbed one.",
    how=f"{RUNS} runs on two nodes; {KILLS} times, at a random moment, all processes of a node that trains are killed",
    control="the same comparison refuses the run of another seed",
)
def test_nodes_are_killed_at_random_moments(two_nodes: RayCluster, record_figure: Record) -> None:
    seed = int(os.environ.get("RESNET_LAB_KILLS_SEED", time.time()))
    random = Random(seed)
    print(f"RESNET_LAB_KILLS_SEED={seed}")
    spec = tiny_spec(epochs=EPOCHS)
    runs = [open_run(run_id) for run_id in start_seeds(spec, RUNS, on="cluster")]
    # Over all that is trained, however fast; of two close to each other the second hits a run that begins again.
    for moment in sorted(random.uniform(0, 0.98 * RUNS * EPOCHS) for _ in range(KILLS)):
        wait_for(lambda moment=moment: sum(len(run.rows()) for run in runs) >= moment, PATIENCE)
        kill_a_training_node(two_nodes, runs, random)
    for run in runs:
        finish(run)
    moves = [len((read_place(run.path) or {}).get("moves") or []) for run in runs]
    assert sum(moves) > KILLS / 2, "kills that hit no run"
    (two_nodes.runs / "settings.json").write_text('{"slots": {"cpu": 2}}')
    with ThreadPoolExecutor(2) as pool:
        undisturbed = pool.map(train_here, (seeded(spec, number) for number in range(RUNS)))
        for run, here in zip(runs, undisturbed, strict=True):
            assert_same_result(run, here)
    with pytest.raises(AssertionError):
        assert_same_result(runs[0], runs[1])
    record_figure(
        f"{KILLS} kills while {RUNS} runs trained: {sum(moves)} moves of {sum(map(bool, moves))} of them, "
        f"{max(moves)} of one; all bit for bit"
    )


def seeded(spec: RunSpec, number: int) -> RunSpec:
    train = spec.train.model_copy(update={"seed": spec.train.seed + number})
    return spec.model_copy(update={"train": train})


def kill_a_training_node(nodes: RayCluster, runs: list[Run], random: Random) -> None:
    """Kills one, and adds another."""

    def find_victims() -> list[RayNode]:
        pids = {training_process(run) for run in runs}
        return [node for node in nodes.nodes if any(process.pid in pids for process in node.processes())]

    nodes.kill(random.choice(wait_for(find_victims, PATIENCE)))
    nodes.add_node()


@pytest.mark.promise(
    27,
    "A node that hangs is noticed, and its run goes on elsewhere to the same end.",
    how="SIGSTOP for all processes of a node; then for the process alone that trains, while its node answers",
    control="what was stopped is there until it is ended: nothing but its silence tells",
)
def test_what_stands_still_is_left(two_nodes: RayCluster, record_figure: Record) -> None:
    spec = tiny_spec(epochs=EPOCHS)
    undisturbed = train_here(spec)
    told = []
    for words, stop in (("node", stop_node), ("process", stop_process)):
        run = open_run(start_run(spec, on="cluster"))
        wait_for(lambda run=run: training_process(run) and len(run.rows()) > 2, PATIENCE)
        pid = int(run.environment()["pid"])
        victim = two_nodes.node_of(pid)
        stop(victim, pid)
        stopped = time.monotonic()
        assert not is_gone(pid)
        wait_for(lambda run=run: moves_of(run), PATIENCE)
        known = time.monotonic() - stopped
        wait_for(lambda run=run, pid=pid: (training_process(run) or pid) != pid, PATIENCE)
        elsewhere = time.monotonic() - stopped - known
        finish(run)
        assert_same_result(run, undisturbed)
        victim.resume()
        wait_for(partial(victim.ended, pid), 60)
        two_nodes.kill(victim)
        two_nodes.add_node()
        told.append(f"{words}: known after {known:.1f} s, trains elsewhere {elsewhere:.1f} s later")
    record_figure("; ".join(told))


def stop_node(node: RayNode, pid: int) -> None:
    node.pause()


def stop_process(node: RayNode, pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)


def moves_of(run: Run) -> list[str]:
    return [move["reason"] for move in (read_place(run.path) or {}).get("moves") or []]
