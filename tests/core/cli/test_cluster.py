"""Commands about a cluster say what is there, what to do next, and never what the token is."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from core.cluster import head, slurm
from core.cluster.access import TokenRefusedError, make_token, read_token
from core.cluster.head import Door
from core.cluster.here import Here, write_here
from core.machine.nodes import Cluster, Node, write_cluster
from core.system.folders import runs_folder
from core.system.processes import identify
from tests.core.cluster.test_here import make

Core = Callable[..., Result]
NODE: dict[str, Any] = {"id": "a", "name": "box-1", "device": "NVIDIA H200", "gpus": 2, "gpus_free": 0.5, "since": 5.0}


@pytest.fixture
def up(core: Core) -> Cluster:
    """A head that is kept by this process, with one node."""
    write_here(runs_folder(), make(address="10.0.0.5:6379", keeper=identify(os.getpid()), since=5.0))
    cluster = Cluster("10.0.0.5:6379", [Node({**NODE, "runs": ["20261129-120000-000-abcdef"]})])
    write_cluster(runs_folder(), cluster)
    return cluster


def test_a_machine_in_no_cluster_is_told_how_to_start_one(core: Core) -> None:
    result = core("cluster", "status")
    assert (result.exit_code, "python -m core cluster up" in result.output) == (0, True)
    assert json.loads(core("cluster", "status", "--json").stdout)["here"] is None
    assert core("cluster", "down").exit_code == 1


def test_status_tells_each_node_and_what_it_trains(core: Core, up: Cluster) -> None:
    told = core("cluster", "status").output
    for part in ("head", "10.0.0.5:6379", "box-1", "NVIDIA H200", "0.5/2", "20261129-120000-000-abcdef"):
        assert part in told
    answer = json.loads(core("cluster", "status", "--json").stdout)
    assert (answer["here"], answer["nodes"][0]["gpus_free"]) == ("head", 0.5)


def test_a_silent_agent_is_told_as_such(core: Core, up: Cluster) -> None:
    write_cluster(runs_folder(), Cluster(up.address, up.nodes, 5.0))
    assert "Nothing is known of its nodes" in core("cluster", "status").output


def test_a_node_whose_head_is_away_says_what_happens(core: Core) -> None:
    node = make(kind="node", address="127.0.0.1:9", keeper=identify(os.getpid()), since=5.0)  # nobody listens there
    write_here(runs_folder(), node)
    told = core("cluster", "status").output
    assert "The head does not answer." in told
    assert "cluster down" in told


def test_up_names_address_ports_and_the_line_to_copy_but_no_token(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare(runs: Path, address: str, *asked: object) -> Here:
        assert asked == (6380, None, 1)
        return make(address=f"{address}:6380", own_address=address)

    def start(runs: Path, here: Here) -> Cluster:
        make_token(runs)
        return Cluster(here.address, [])

    doors = [
        Door(6380, "0.0.0.0", "gcs_server"),
        Door(7, "10.0.0.5", "times", False),
        Door(52365, "127.0.0.1", "agent"),
    ]
    monkeypatch.setattr(head, "start_head", start)
    monkeypatch.setattr(head, "prepare_head", prepare)
    monkeypatch.setattr(head, "list_doors", lambda runs: doors)
    result = core("cluster", "up", "--address", "10.0.0.5", "--port", "6380", "--gpus", "1")
    assert result.stdout == "python -m core cluster join 10.0.0.5:6380\n"
    assert "has the token; not encrypted: port 6380 (gcs_server)." in result.stderr
    assert "also without the token: port 7 (times)." in result.stderr
    assert "this machine alone: port 52365 (agent)." in result.stderr
    assert read_token(runs_folder()) not in result.output
    assert "No other machine can reach" not in result.output
    alone = core("cluster", "up", "--address", "127.0.0.1", "--port", "6380", "--gpus", "1")
    assert "No other machine can reach 127.0.0.1." in alone.stderr


def test_a_refusal_comes_before_anything_is_said_to_start(core: Core) -> None:
    refused = core("cluster", "up", "--address", "box")
    assert (refused.exit_code, "Starting" in refused.output) == (2, False)


def test_where_the_token_kept_here_is_refused_another_is_taken(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    make_token(runs_folder())
    taken = []

    def prepare(runs: Path, address: str, token: str, *_: object) -> Here:
        taken.append(token)
        if not token:
            raise TokenRefusedError("The head refused the token.")
        return make(kind="node", address=address)

    monkeypatch.setattr(head, "prepare_node", prepare)
    monkeypatch.setattr(head, "start_node", lambda runs, here: None)
    assert core("cluster", "join", "box:6379", text="secret" * 6 + "\n").exit_code == 0
    assert taken == ["", "secret" * 6]
    assert "The head refused the token." in core("cluster", "join", "box:6379", text="").output


@pytest.mark.parametrize("way", ["input", "file"])
def test_join_takes_the_token_by_hand_and_never_shows_it(
    core: Core, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, way: str
) -> None:
    taken = []
    (tmp_path / "token").write_text("secret" * 6)

    def prepare(runs: Path, address: str, token: str, *_: object) -> Any:
        taken.append((address, token))
        return make(kind="node", address=address)

    monkeypatch.setattr(head, "prepare_node", prepare)
    monkeypatch.setattr(head, "start_node", lambda runs, here: None)
    named = ("--token-file", str(tmp_path / "token")) if way == "file" else ()
    result = core("cluster", "join", "box:6379", *named, text="secret" * 6 + "\n")
    assert (result.exit_code, taken) == (0, [("box:6379", "secret" * 6)])
    assert "secret" not in result.output
    missing = core("cluster", "join", "box:6379", "--token-file", str(tmp_path / "none"))
    assert (missing.exit_code, "--token-file" in missing.output) == (2, True)


def test_a_head_with_runs_on_its_nodes_does_not_end_by_accident(core: Core, up: Cluster) -> None:
    result = core("cluster", "down")
    assert (result.exit_code, "The cluster goes on" in result.output) == (2, True)


def test_a_pilot_is_shown_or_submitted(core: Core, up: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    make_token(runs_folder())
    submitted: list[str] = []
    monkeypatch.setattr(slurm, "submit", lambda script: submitted.append(script) or "17")
    asked = ("cluster", "slurm", "--nodes", "4", "--time", "4:00:00", "--partition", "short")
    shown = core(*asked, "--print").stdout
    assert (shown.startswith("#!/bin/bash\n"), submitted) == (True, [])
    result = core(*asked)
    assert (result.stdout, submitted) == ("17\n", [shown])
    assert core("cluster", "slurm", "--time", "soon").exit_code == 2
