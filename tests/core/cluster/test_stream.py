"""What comes from a node, and what its silence means."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from core.cluster import stream
from core.cluster.events import Alive, Arrived, Failed, Lost, Need, Opened
from core.cluster.stream import NodeFailedError, NodeStream, NodeUse
from core.system import awake
from core.worker.run import PlaceLostError
from tests.core.cluster.plain_node import write_nodes


@pytest.fixture
def line(runs: Path) -> Iterator[tuple[NodeStream, Any]]:
    """A stream, and the other end of its socket."""
    write_nodes(runs)
    ours, theirs = socket.socketpair()
    node = NodeStream(runs, "run", Need(1.0, 0.0, 1))
    node._connection = Connection(ours.detach())
    other: Connection[Any, Any] = Connection(theirs.detach())
    yield node, other
    node.close()
    other.close()


def arrive(node: NodeStream, other: Any) -> None:
    other.send(Arrived("host", 42, "id-2", "cpu"))
    node.receive(1)


def test_a_node_is_called_as_the_cluster_calls_it(line: tuple[NodeStream, Any]) -> None:
    arrive(*line)
    assert line[0].node == "node-2"


def test_what_went_wrong_there_goes_wrong_here_with_its_kind(line: tuple[NodeStream, Any], capfd: Any) -> None:
    line[1].send(Failed("The loss is no number.", "nan", "Traceback of the node"))
    with pytest.raises(NodeFailedError, match=r"The loss is no number\.") as error:
        line[0].receive(1)
    assert error.value.kind == "nan"
    assert "Traceback of the node" in capfd.readouterr().out


def test_a_node_that_is_lost_is_named(line: tuple[NodeStream, Any]) -> None:
    arrive(*line)
    line[1].send(Lost("was lost"))
    with pytest.raises(PlaceLostError, match=r"^node-2 was lost\.$"):
        line[0].receive(1)
    assert line[0].reason == "was lost"


def test_a_closed_line_is_a_lost_cluster(line: tuple[NodeStream, Any]) -> None:
    line[1].close()
    with pytest.raises(PlaceLostError, match="The cluster was gone"):
        line[0].receive(1)


def test_a_node_that_answers_no_more_hangs_though_the_way_to_it_is_there(
    line: tuple[NodeStream, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    arrive(*line)
    line[1].send(Opened({}, [], [], {}))
    line[0].receive(1)
    line[1].send(Alive({"cpu_percent": 90.0}))
    assert line[0].receive(1) is None
    assert line[0].use.read() == {"cpu_percent": 90.0}
    monkeypatch.setattr(stream, "SILENT_SECONDS", 0.05)
    time.sleep(0.06)
    line[1].send(Alive())
    with pytest.raises(PlaceLostError, match="node-2 hangs"):
        line[0].receive(1)


def test_a_node_that_still_loads_torch_is_given_time(
    line: tuple[NodeStream, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    arrive(*line)
    monkeypatch.setattr(stream, "SILENT_SECONDS", 0.0)
    line[1].send(Alive())
    assert line[0].receive(1) is None
    monkeypatch.setattr(stream, "LOADING_SECONDS", 0.0)
    line[1].send(Alive())
    with pytest.raises(PlaceLostError, match="node-2 hangs"):
        line[0].receive(1)


def test_who_waits_for_a_place_of_a_cluster_that_is_gone_goes_back_into_the_queue(
    line: tuple[NodeStream, Any], runs: Path
) -> None:
    line[1].send(Alive())
    assert line[0].receive(1) is None
    (runs / ".cluster.json").unlink()
    with pytest.raises(PlaceLostError, match="The cluster was gone"):
        line[0].receive(0)


def test_a_way_to_the_cluster_that_says_nothing_at_all_hangs(
    line: tuple[NodeStream, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "AWAY_SECONDS", 0.05)
    time.sleep(0.06)
    with pytest.raises(PlaceLostError, match="The cluster does not answer"):
        line[0].receive(0)


def test_the_use_of_now_and_of_an_epoch_are_kept_apart() -> None:
    use = NodeUse()
    use.take({"system/cpu_percent": 50.0})
    use.take({"cpu_percent": 70.0})
    use.take({})
    assert (use.read(), use.read_epoch()) == ({"cpu_percent": 70.0}, {"system/cpu_percent": 50.0})


def test_who_was_suspended_has_heard_no_silence_of_its_node(
    line: tuple[NodeStream, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    node, other = line
    now = [time.monotonic()]
    monkeypatch.setattr(awake.time, "monotonic", lambda: now[0])
    arrive(node, other)
    other.send(Opened({}, [], [], {}))
    node.receive(1)
    now[0] += 3600
    other.send(Alive())  # from the process that speaks with Ray, which was suspended as well
    assert node.receive(1) is None
    for _ in range(4):  # nearly as long as it may be silent
        now[0] += 4.0
        other.send(Alive())
        assert node.receive(1) is None
    now[0] += 4.0
    other.send(Alive())
    with pytest.raises(PlaceLostError, match="node-2 hangs"):
        node.receive(1)
