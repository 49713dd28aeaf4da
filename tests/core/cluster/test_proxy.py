"""A run on a node is what it would be here, bit for bit, whatever becomes of the node; its folder has one writer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from core.launch.launcher import request_stop
from core.machine import queue
from core.runs import presence
from core.runs.folder import Run
from core.runs.place import DRAINED, read_place
from core.runs.store import open_run
from core.system.folders import PROJECT
from tests.core.cluster.plain_node import PlainCluster, create_cluster_run, start_proxy, write_nodes
from tests.core.cluster.test_images import folder_spec
from tests.core.same_result import assert_same_result
from tests.core.workers import is_gone, start_worker, tiny_spec, wait_for, wait_for_state
from tests.folders import make_folder
from tests.made_runs import create_run

LONG = tiny_spec(epochs=30)


@pytest.fixture(autouse=True)
def cluster(quick_workers: Path) -> Iterator[PlainCluster]:
    with PlainCluster(quick_workers) as nodes:
        yield nodes


def train_here(spec) -> Run:
    """The undisturbed run, by the engine of this machine."""
    run = open_run(create_run(spec))
    presence.mark_launch(run.path, start_worker(run))
    assert wait_for_state(run, "finished", "failed") == "finished"
    return run


def node_process(run: Run) -> int:
    """The process that trains it."""
    return int(wait_for(lambda: run.state() == "running" and run.environment().get("pid")))


def test_a_run_on_a_node_is_the_run_here_bit_for_bit(quick_workers: Path) -> None:
    run = create_cluster_run(tiny_spec())
    start_proxy(run)
    assert wait_for_state(run, "finished", "failed") == "finished", run.log_tail()
    here = train_here(tiny_spec())
    assert_same_result(run, here)
    told, local = run.environment(), here.environment()
    assert (told["node"], told["notes"]) == ("node-1", [])
    assert told["pid"] != run.worker()["process"]["pid"]
    for fact in ("data_fingerprint", "class_names", "precision", "threads", "parameters", "train_images", "mean"):
        assert told[fact] == local[fact]
    assert run.steps().rows[-1]["step"] == here.steps().rows[-1]["step"]
    assert {"cpu_percent", "memory_bytes"} <= run.progress().keys()
    assert "system/cpu_percent" in run.metrics()
    assert not (quick_workers / queue.QUEUE).exists() or not queue.read_queue(quick_workers)


def test_a_run_whose_node_is_killed_goes_on_elsewhere_bit_for_bit() -> None:
    run = create_cluster_run(LONG)
    start_proxy(run)
    wait_for(lambda: len(run.rows()) > 2)
    os.kill(node_process(run), signal.SIGKILL)
    assert wait_for_state(run, "finished", "failed", "interrupted") == "finished", run.log_tail()
    assert_same_result(run, train_here(LONG))
    (move,) = read_place(run.path)["moves"]
    assert move["epoch"] >= 2
    assert run.environment()["node"] == "node-2"
    assert f"went on after epoch {move['epoch']} on node-2" in run.remarks()[0]


def test_a_run_leaves_a_node_that_is_drained_with_a_checkpoint_of_this_very_step(cluster: PlainCluster) -> None:
    cluster.drain("node-1")
    run = create_cluster_run(LONG)
    start_proxy(run)
    assert wait_for_state(run, "finished", "failed", "interrupted") == "finished", run.log_tail()
    assert_same_result(run, train_here(LONG))
    (move,) = read_place(run.path)["moves"]
    assert (move["node"], move["reason"]) == ("node-1", DRAINED)
    assert run.remarks()[0] == "node-1 was drained: went on from the same step on node-2."


def test_a_run_whose_process_is_killed_goes_on_by_resume_bit_for_bit() -> None:
    run = create_cluster_run(LONG)
    proxy = start_proxy(run)
    wait_for(lambda: len(run.rows()) > 2)
    node = node_process(run)
    os.kill(proxy, signal.SIGKILL)
    wait_for(lambda: is_gone(node), 15)  # nothing trains on for nobody
    assert wait_for_state(run, "interrupted") == "interrupted"
    start_proxy(run)
    assert wait_for_state(run, "finished", "failed") == "finished", run.log_tail()
    assert_same_result(run, train_here(LONG))


def test_a_stop_keeps_a_checkpoint_of_this_very_step() -> None:
    run = create_cluster_run(tiny_spec(epochs=10_000))
    start_proxy(run)
    wait_for(lambda: len(run.rows()) > 1)
    assert request_stop(run.id)
    assert wait_for_state(run, "stopped", "failed", "interrupted", seconds=10) == "stopped"
    assert run.checkpoints()[-1].name.endswith("-stopped.safetensors")
    assert f"epoch {run.rows()[-1]['epoch'] + 1}" in run.summary().reason


def _be_impatient() -> None:
    from core.cluster import stream

    stream.STOP_SECONDS = stream.MUTE_SECONDS = 1.0


def _be_watchful() -> None:
    from core.cluster import stream

    stream.SILENT_SECONDS = 1.5


def test_a_stop_ends_a_node_that_hangs_and_keeps_the_last_checkpoint() -> None:
    run = create_cluster_run(tiny_spec(epochs=10_000))
    start_proxy(run, _be_impatient)
    wait_for(lambda: len(run.rows()) > 1)
    node = node_process(run)
    os.kill(node, signal.SIGSTOP)
    assert request_stop(run.id)
    assert wait_for_state(run, "stopped", "failed", "interrupted", seconds=10) == "stopped"
    assert "node-1 did not answer" in run.summary().reason
    assert is_gone(node)
    assert run.checkpoints()


def test_a_node_that_hangs_is_noticed_and_the_run_goes_on_elsewhere() -> None:
    run = create_cluster_run(LONG)
    start_proxy(run, _be_watchful)
    wait_for(lambda: len(run.rows()) > 1)
    hanging = node_process(run)
    os.kill(hanging, signal.SIGSTOP)
    assert wait_for_state(run, "finished", "failed", "interrupted") == "finished", run.log_tail()
    assert is_gone(hanging)
    assert "node-1 hangs: its process gave no answer" in run.remarks()[0]


def test_what_would_fail_here_fails_there_with_the_same_sentence(quick_workers: Path) -> None:
    # The images of another spec have other classes: no node can read them either.
    spec = folder_spec(make_folder(quick_workers.parent / "pets", {"cat": 12, "dog": 12, "cow": 12}))
    run = create_cluster_run(spec)
    start_proxy(run)
    assert wait_for_state(run, "finished", "failed") == "failed"
    here = open_run(create_run(spec))
    presence.mark_launch(here.path, start_worker(here))
    assert wait_for_state(here, "finished", "failed") == "failed"
    assert (run.end()["reason"], run.end()["kind"]) == (here.end()["reason"], here.end()["kind"])
    assert run.end()["kind"] == "data"


def test_a_run_waits_while_no_place_is_free_and_stops_from_the_queue(
    quick_workers: Path, cluster: PlainCluster
) -> None:
    first = create_cluster_run(tiny_spec(epochs=10_000))
    cluster.count = 1
    write_nodes(quick_workers, 1)
    start_proxy(first)
    wait_for_state(first, "running")
    second = create_cluster_run(tiny_spec())
    start_proxy(second)
    wait_for(lambda: "Waiting for a place" in second.log_tail())
    assert second.state() == "queued"
    assert [ticket.run_id for ticket in queue.read_queue(quick_workers)] == [second.id]
    assert request_stop(second.id)
    assert wait_for_state(second, "stopped") == "stopped"
    request_stop(first.id)
    wait_for_state(first, "stopped", seconds=10)


def _lose_every(reason: str) -> None:
    from core.cluster import node, proxy

    def end(*_: object) -> None:
        raise SystemExit(reason)

    node.Trainer._train = end  # type: ignore[assignment, method-assign]
    proxy.PAUSE_SECONDS = 0.05


@pytest.mark.parametrize(
    ("reason", "times", "words"),
    [
        ("lost the training's process", 3, "Its process was lost 3 times in a row, without an epoch between."),
        ("was lost", 10, "10 nodes were lost in a row, without an epoch between."),
    ],
)
def test_a_run_that_ends_its_process_fails_sooner_than_one_whose_nodes_come_and_go(
    cluster: PlainCluster, reason: str, times: int, words: str
) -> None:
    cluster.count = times
    write_nodes(cluster.runs, times)
    run = create_cluster_run(tiny_spec())
    start_proxy(run, partial(_lose_every, reason))
    assert wait_for_state(run, "finished", "failed") == "failed"
    assert run.end()["kind"] == "node"
    assert run.end()["reason"] == f"{words} The last: node-{times} {reason}."
    assert [move["reason"] for move in read_place(run.path)["moves"]] == [reason] * times


def test_while_it_waits_it_has_loaded_neither_torch_nor_ray_nor_numpy() -> None:
    code = "import core.cluster.proxy, sys; print({'torch', 'ray', 'numpy', 'pydantic'} & sys.modules.keys())"
    said = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    assert said.strip() == "set()"


@pytest.mark.parametrize("module", ["core.cluster.stream", "core.cluster.events"])
def test_what_keeps_a_run_in_training_never_loads_torch_or_ray(module: str) -> None:
    code = f"import {module}, sys; print({{'torch', 'ray'}} & sys.modules.keys())"
    said = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    assert said.strip() == "set()"
