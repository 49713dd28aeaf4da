"""Nodes from a real Slurm: they come when it has them, leave when it takes them, and come back with the job."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from core.launch.launcher import start_run
from core.runs.store import open_run
from tests.cabled import HERE
from tests.cluster.machines import Machine, wait_for_nodes
from tests.cluster.test_cables import PATIENCE, SPEC, finish, follow_move
from tests.core.workers import tiny_spec, wait_for
from tests.ray_cluster import train_here
from tests.slurm_lab import Slurm, serve_slurm

pytestmark = [pytest.mark.isolated("ray"), pytest.mark.in_full("takes minutes")]

Record = Callable[[str], None]
Site = tuple[Slurm, Machine]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A Slurm of two nodes, and a head where its jobs are submitted."""
    folder = tmp_path_factory.mktemp("site")
    with serve_slurm(folder) as slurm, pytest.MonkeyPatch.context() as patch:
        head = Machine(folder / "head")
        patch.setenv("RESNET_LAB_RUNS", str(head.runs))
        head.done("cluster", "up", "--address", HERE)
        yield slurm, head
        head.core("cluster", "down", "--yes")


def test_what_slurm_has_not_is_refused_in_its_words(site: Site) -> None:
    _, head = site
    refused = head.core("cluster", "slurm", "--time", "0:30:00", "--partition", "none")
    assert "Slurm refused" in refused.stderr
    gpus = head.core("cluster", "slurm", "--gpus", "1", "--time", "4:00:00", "--print").stdout
    subprocess.run(["sbatch", "--test-only"], input=gpus, text=True, check=True, capture_output=True)


def submit(head: Machine, nodes: int, minutes: int) -> str:
    options = ["--nodes", str(nodes), "--gpus", "0", "--time", f"0:{minutes:02}:00"]
    return head.core("cluster", "slurm", *options).stdout.strip()


def find_task(slurm: Slurm, node: str) -> str:
    """The task of an array that Slurm has put on a node."""
    return slurm.ask("squeue", "-h", "-r", "-w", node, "-o", "%F_%K").strip()


@pytest.mark.promise(
    29,
    "Jobs of Slurm are nodes for as long as they last, and a run goes from one to the next to the same end.",
    how="a Slurm of two nodes on this machine, each in a network namespace: `cluster slurm` submits two; the one that "
    "trains is cancelled, then the other is requeued",
    control="while no job has a node the run waits, and is shown as queued",
)
def test_a_run_goes_from_job_to_job(site: Site, record_figure: Record) -> None:
    slurm, head = site
    started = time.monotonic()
    job = submit(head, 2, 30)
    first = {node.id for node in wait_for_nodes(head, 2, PATIENCE)}
    seen = time.monotonic() - started
    run = open_run(start_run(SPEC, on="cluster"))
    wait_for(lambda: run.state() == "running" and len(run.rows()) > 2, PATIENCE)
    started = time.monotonic()
    slurm.ask("scancel", find_task(slurm, run.environment()["node"]))
    cancelled = follow_move(run, started)
    assert len(head.nodes()) == 1
    started = time.monotonic()
    slurm.ask("scontrol", "requeue", find_task(slurm, run.environment()["node"]))
    wait_for(lambda: run.state() == "queued", PATIENCE)
    wait_for(lambda: run.state() == "running", PATIENCE)
    back = time.monotonic() - started
    assert not first & {node.id for node in head.nodes()}
    finish(run, train_here(SPEC))
    slurm.ask("scancel", job)
    wait_for(lambda: not head.nodes(), PATIENCE)
    record_figure(f"two nodes {seen:.0f} s after; cancelled, {cancelled}; requeued, trains again after {back:.0f} s")


@pytest.mark.promise(
    29,
    "A job leaves the cluster before its time is over, and its run waits for the next one with what it has come to.",
    how="a job of three minutes, and a run that would take longer",
    control="the job's own end, as Slurm tells it while it runs, is later",
)
def test_a_job_leaves_before_its_time_is_over(site: Site, record_figure: Record) -> None:
    slurm, head = site
    job = submit(head, 1, 3)
    wait_for_nodes(head, 1, PATIENCE)
    end = slurm.ask("squeue", "-h", "-r", "-j", job, "-o", "%e").strip()
    ends = time.mktime(time.strptime(end, "%Y-%m-%dT%H:%M:%S"))
    run = open_run(start_run(tiny_spec(epochs=10_000, batch_size=4), on="cluster"))
    wait_for(lambda: run.state() == "running" and run.rows(), PATIENCE)
    wait_for(lambda: not head.nodes(), PATIENCE)
    before = ends - time.time()
    assert before > 0
    wait_for(lambda: run.state() == "queued", PATIENCE)
    assert run.checkpoints()
    record_figure(f"left {before:.0f} s before the job's end; the run waits after epoch {run.checkpoints()[-1].epoch}")
    head.done("stop", run.id)
