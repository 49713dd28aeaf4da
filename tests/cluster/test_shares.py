"""Several runs on one GPU, by fraction: placed by a real Ray on a node that only says it has one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.cluster.events import Alive, Need
from core.machine import places
from tests.core.cluster.test_driver import Way
from tests.core.workers import wait_for
from tests.ray_cluster import RayCluster

pytestmark = [pytest.mark.isolated("ray"), pytest.mark.in_full("the shares are tested without Ray")]


@pytest.fixture(scope="module")
def gpu(ray_cluster: RayCluster) -> RayCluster:
    ray_cluster.add_node(cpus=0, gpus=1)
    return ray_cluster


def ask_share(runs: Path, shares: int) -> float:
    (runs / "settings.json").write_text(json.dumps({"slots": {places.CUDA: shares}}))
    return places.work_out_need(runs, places.CUDA)[1]


def has_place(way: Way) -> bool:
    """Whether its process on a node has answered by now."""
    answered = False
    while way.connection.poll():
        item = way.connection.recv()
        answered = answered or (isinstance(item, Alive) and item.use is not None)
    return answered


def test_two_runs_share_a_gpu_and_the_third_waits_for_one_of_them(gpu: RayCluster) -> None:
    need = Need(0.0, ask_share(gpu.runs, 2), 1)
    ways = [Way(gpu, need=need) for _ in range(2)]
    for way in ways:
        wait_for(lambda way=way: has_place(way), 120)
    third = Way(gpu, need=need)
    for _ in range(5):
        assert third.connection.poll(60)
        assert third.connection.recv() == Alive(None), "it waits, and no node answers"
    ways[0].close()
    wait_for(lambda: has_place(third), 120)
    for way in (ways[1], third):
        way.close()


@pytest.mark.parametrize("shares", [3, 7, 64])
def test_ray_places_as_many_shares_as_were_asked_for(gpu: RayCluster, shares: int) -> None:
    import ray
    from ray.util.placement_group import placement_group

    ray.init(address=gpu.address, log_to_driver=False)
    try:
        assert placement_group([{"GPU": ask_share(gpu.runs, shares)}] * shares).wait(60)
    finally:
        ray.shutdown()
