"""Places on the cluster: how many there are, whose turn it is, and why a run would wait for ever."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from core.machine import places, queue
from core.machine.nodes import Cluster, Node, write_cluster
from core.machine.versions import describe_versions
from core.runs import presence


def make_cluster(*nodes: dict[str, object], written: float = 0.0) -> Cluster:
    return Cluster("10.0.0.1:6379", [Node({**describe_versions(), **node}) for node in nodes], written)


def wait_in_line(runs: Path, run_id: str, device: str, **more: int) -> None:
    (runs / run_id).mkdir()
    presence.mark_launch(runs / run_id)
    queue.enqueue(runs, run_id, device, **more)


def take(runs: Path, run_id: str) -> queue.Slot | None:
    from core.machine.nodes import read_cluster

    return queue.take_slot(runs, run_id, places.list_kinds(read_cluster(runs)))


def test_places_are_gpus_and_shares_of_processors_of_nodes_that_compute_alike(tmp_path: Path) -> None:
    nodes = [{"name": "a", "cpus": 8, "gpus": 2}, {"name": "b", "cpus": 4}, {"name": "c", "cpus": 64, "torch": "1.13"}]
    write_cluster(tmp_path, make_cluster(*nodes))
    assert places.count_places(tmp_path, places.CUDA) == 2
    # The smallest node has one place of four threads, so the other has two.
    assert places.work_out_need(tmp_path, places.CPU) == (4.0, 0.0, 4)
    assert places.count_places(tmp_path, places.CPU) == 3
    (tmp_path / "settings.json").write_text(json.dumps({"slots": {"cluster:cuda": 2, "cluster:cpu": 2}}))
    assert places.count_places(tmp_path, places.CUDA) == 4
    assert places.work_out_need(tmp_path, places.CUDA)[1] == 0.5
    assert places.count_places(tmp_path, places.CPU) == 6


@pytest.mark.parametrize("shares", range(1, places.MOST_SHARES + 1))
def test_as_many_shares_as_there_are_fit_on_one_gpu(tmp_path: Path, shares: int) -> None:
    (tmp_path / "settings.json").write_text(json.dumps({"slots": {"cluster:cuda": shares}}))
    share = places.work_out_need(tmp_path, places.CUDA)[1]
    # Ray counts in ten thousandths, and rounds.
    assert 0 < shares * round(share * 10_000) <= 10_000


def test_a_drained_node_has_no_place_for_others(tmp_path: Path) -> None:
    write_cluster(tmp_path, make_cluster({"cpus": 1, "leaving": 1.0}, {"cpus": 1}))
    assert places.count_places(tmp_path, places.CPU) == 1
    assert places.explain_never(make_cluster({"cpus": 1, "leaving": 1.0}), "cuda") == ""


def test_a_cluster_that_says_nothing_any_more_has_no_places(tmp_path: Path) -> None:
    write_cluster(tmp_path, make_cluster({"cpus": 8}, written=time.time() - 60))
    assert places.count_places(tmp_path, places.CPU) == 0
    assert places.count_free(tmp_path) == {}
    write_cluster(tmp_path, make_cluster({"cpus": 8, "lost": 1.0}))
    assert places.count_places(tmp_path, places.CPU) == 0


def test_the_oldest_comes_first_and_run_next_before_it(tmp_path: Path) -> None:
    write_cluster(tmp_path, make_cluster({"cpus": 1}, {"cpus": 1}))
    for run_id in ("first", "second", "third"):
        wait_in_line(tmp_path, run_id, "cluster:auto")
    assert take(tmp_path, "third") is None  # two places, two before it
    queue.move_to_head(tmp_path, "third")
    held = take(tmp_path, "third")
    assert held
    assert take(tmp_path, "second") is None
    first = take(tmp_path, "first")
    assert first
    held.release()
    first.release()


def test_a_run_that_lost_its_node_is_before_those_that_came_after_it(tmp_path: Path) -> None:
    write_cluster(tmp_path, make_cluster({"cpus": 1}))
    wait_in_line(tmp_path, "old", "cluster:auto")
    since = queue.enqueue(tmp_path, "old", "cluster:auto")
    queue.leave_queue(tmp_path, "old")
    wait_in_line(tmp_path, "new", "cluster:auto")
    queue.enqueue(tmp_path, "old", "cluster:auto", 0, since)
    assert [ticket.run_id for ticket in queue.read_queue(tmp_path)] == ["old", "new"]


def test_runs_of_this_machine_and_of_the_cluster_pass_each_other(tmp_path: Path) -> None:
    write_cluster(tmp_path, make_cluster({"cpus": 1}))
    wait_in_line(tmp_path, "here", "auto")
    wait_in_line(tmp_path, "there", "cluster:cpu")
    there, here = take(tmp_path, "there"), queue.take_slot(tmp_path, "here", ["cpu"])
    assert there
    assert here
    assert (there.device, here.device) == (places.CPU, "cpu")
    assert not queue.suits("cluster:auto", "cpu", ["cpu"])
    assert not queue.suits("auto", "cluster:cpu", ["cluster:cpu"])
    assert not queue.suits("cluster:auto", "cluster:cpu", ["cluster:cuda", "cluster:cpu"])
    there.release()
    here.release()


def test_free_places_are_those_that_nobody_waits_for(tmp_path: Path) -> None:
    write_cluster(tmp_path, make_cluster({"cpus": 1}, {"cpus": 1}, {"cpus": 1}))
    wait_in_line(tmp_path, "one", "cluster:auto")
    held = take(tmp_path, "one")
    wait_in_line(tmp_path, "two", "cluster:auto")
    assert places.count_free(tmp_path) == {places.CPU: 1}
    assert held
    held.release()


@pytest.mark.parametrize(
    ("nodes", "device", "told"),
    [
        ([{"cpus": 8}], "cuda", "train.device = cuda: no node of the cluster has a GPU."),
        ([{"cpus": 8}], "cuda:3", "train.device = cuda:3: no node of the cluster has a GPU."),
        ([{"gpus": 1}], "mps", "train.device = mps: the nodes of a cluster have no Apple GPU."),
        ([{"cpus": 8}], "auto", ""),
        ([{"gpus": 1}], "cuda:3", ""),
        ([], "cuda", ""),
        ([{"cpus": 8, "python": "", "torch": "", "lab": ""}], "auto", ""),  # it has not told yet what it is
        ([{"cpus": 8}, {"gpus": 1, "python": "", "torch": "", "lab": ""}], "cuda", ""),
    ],
)
def test_a_run_that_no_node_can_ever_take_is_told_why(nodes: list[dict[str, object]], device: str, told: str) -> None:
    assert places.explain_never(make_cluster(*nodes), device) == told


def test_a_cluster_of_other_versions_tells_both(tmp_path: Path) -> None:
    told = places.explain_never(make_cluster({"name": "box", "cpus": 4, "torch": "1.13.0"}), "auto")
    assert "box (torch 1.13.0 there, " in told
    assert describe_versions()["torch"] in told
    assert "core cluster up" in places.explain_never(None, "auto")
