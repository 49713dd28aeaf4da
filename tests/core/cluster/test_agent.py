"""What Ray tells of nodes and actors becomes rows, and what is lost is remembered; on a real cluster: tests/cluster."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.machine.nodes import Cluster, Node, write_cluster

pytest.importorskip("ray")

from core.cluster import agent
from core.cluster.agent import Agent, find_runs, is_shown

RUN = "20261129-120000-000-abcdef"


def make_node(name: str, alive: bool = True, **resources: float) -> dict[str, Any]:
    return {"NodeID": name, "NodeManagerHostname": f"host-{name}", "Alive": alive, "Resources": resources}


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """In Ray's place, with `there`, `free`, `acting` and `drained` to be set."""
    stand_in = SimpleNamespace(there=[], free={}, acting={}, drained={})
    state = SimpleNamespace(available_resources_per_node=lambda: stand_in.free, actors=lambda: stand_in.acting)
    state.state = SimpleNamespace(get_draining_nodes=lambda: stand_in.drained)
    fake = SimpleNamespace(nodes=lambda: stand_in.there, _private=SimpleNamespace(state=state))
    monkeypatch.setattr(agent, "ray", fake)
    monkeypatch.setattr(Agent, "_measure", lambda self, live: None)
    return stand_in


def test_a_node_with_places_is_a_row_and_the_head_is_none(ray: SimpleNamespace, runs: Path) -> None:
    ray.there = [make_node("head"), make_node("a", CPU=4.0, GPU=2.0)]
    ray.free = {"a": {"CPU": 3.0}}
    (node,) = Agent("10.0.0.5:6379", runs).look(50.0).nodes
    assert (node.id, node.name, node.since, node.lost) == ("a", "host-a", 50.0, None)
    assert (node.cpus, node.cpus_free, node.gpus, node.gpus_free) == (4.0, 3.0, 2.0, 0.0)


def test_a_head_that_still_starts_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([ConnectionError("not ready"), None])

    def connect(address: str) -> None:
        if error := next(answers):
            raise error

    monkeypatch.setattr(agent, "connect", connect)
    monkeypatch.setattr(agent, "WATCH_SECONDS", 0.0)
    agent.connect_once_up("10.0.0.5:6379")
    assert next(answers, "asked twice") == "asked twice"
    monkeypatch.setattr(agent, "STARTING_SECONDS", -1.0)
    answers = iter([ConnectionError("not ready")])
    with pytest.raises(ConnectionError):
        agent.connect_once_up("10.0.0.5:6379")


def test_a_drained_node_is_so_from_when_it_was_first_seen(ray: SimpleNamespace, runs: Path) -> None:
    ray.there, ray.drained = [make_node("a", CPU=1.0), make_node("b", CPU=1.0)], {"a": 90_000}
    looks = Agent("10.0.0.5:6379", runs)
    looks.look(50.0)
    assert [node.leaving for node in looks.look(60.0).nodes] == [50.0, None]


def test_a_lost_node_is_remembered_until_it_is_back_or_an_hour_has_passed(ray: SimpleNamespace, runs: Path) -> None:
    ray.there = [make_node("a", CPU=4.0)]
    seen = Agent("10.0.0.5:6379", runs)
    seen.look(50.0)
    ray.there = [make_node("a", alive=False)]
    assert [(node.lost, node.cpus_free) for node in seen.look(60.0).nodes] == [(60.0, 0.0)]
    assert [node.lost for node in seen.look(70.0).nodes] == [60.0]
    ray.there.append({**make_node("b", CPU=4.0), "NodeManagerHostname": "host-a"})
    assert [node.id for node in seen.look(80.0).nodes] == ["b"]
    ray.there = [make_node("b", alive=False)]
    assert seen.look(90.0).nodes
    assert not seen.look(90.0 + 3601).nodes


def test_an_agent_that_was_started_again_knows_what_was_there(ray: SimpleNamespace, runs: Path) -> None:
    write_cluster(runs, Cluster("10.0.0.5:6379", [Node({"id": "a", "name": "host-a", "cpus": 4, "since": 5.0})]))
    ray.there = [make_node("a", CPU=4.0)]
    assert [node.since for node in Agent("10.0.0.5:6379", runs).look(50.0).nodes] == [5.0]
    ray.there = []
    assert [node.lost for node in Agent("10.0.0.5:6379", runs).look(60.0).nodes] == [60.0]


def test_runs_are_known_by_the_names_of_living_actors(ray: SimpleNamespace) -> None:
    names = {
        "1": (f"run-{RUN}-77", "ALIVE"),
        "2": (f"run-{RUN[:-1]}0", "DEAD"),
        "3": ("watch", "ALIVE"),
        "4": (None, "ALIVE"),
    }
    ray.acting = {
        key: {"Name": name, "State": state, "Address": {"NodeID": "a"}} for key, (name, state) in names.items()
    }
    assert find_runs() == {"a": [RUN]}


def test_a_namesake_that_was_there_before_does_not_hide_a_loss() -> None:
    lost = {"id": "a", "name": "box", "since": 1.0, "lost": 50.0}
    neighbour = {"id": "b", "name": "box", "since": 2.0, "lost": None}
    assert is_shown(lost, [lost, neighbour], 60.0)
    assert not is_shown(lost, [lost, {**neighbour, "since": 55.0}], 60.0)


def test_a_machine_that_was_back_before_its_loss_was_known_is_one_row() -> None:
    lost = {"id": "a", "name": "box", "since": 1.0, "lost": 50.0}
    back = {"id": "b", "name": "box", "since": 41.0, "lost": None}
    assert not is_shown(lost, [lost, back], 60.0)
    assert is_shown(lost, [lost, {**back, "name": "other"}], 60.0)
