"""The driver's process: started before anybody knows what to ask of it, and gone with its link."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from core.cluster import link
from core.cluster.access import make_token
from core.cluster.events import Line, Need, Task
from core.cluster.link import Link
from core.cluster.stream import NodeStream
from tests.core.cluster.plain_node import write_nodes

# Sends back what it gets, until the other end closes.
ECHO = """
import sys
from multiprocessing.connection import Connection
own = Connection(int(sys.argv[1]))
try:
    while True:
        own.send_bytes(own.recv_bytes())
except (EOFError, OSError):
    pass
"""


@pytest.fixture
def started(runs: Path, monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The drivers that were started; they only send back what they get."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(theirs: socket.socket, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        number = theirs.fileno()
        processes.append(subprocess.Popen([sys.executable, "-c", ECHO, str(number)], pass_fds=[number]))
        return processes[-1]

    monkeypatch.setattr(link, "start_driver", start)
    make_token(runs)
    write_nodes(runs)
    return processes


def test_a_driver_ends_with_its_link(runs: Path, started: list[subprocess.Popen[bytes]]) -> None:
    Link(runs).close()
    assert [process.poll() for process in started] == [0]


def test_a_stream_asks_the_driver_that_was_started_for_it(runs: Path, started: list[subprocess.Popen[bytes]]) -> None:
    opened = Link(runs)
    stream = NodeStream(runs, "run", Need(1.0, 0.0, 1), opened)
    stream.begin(Task("{}"))
    sent = [opened.connection.recv() for _ in range(2)]
    assert [type(each) for each in sent] == [Line, Task]
    assert len(started) == 1
    stream.close()
    assert started[0].poll() == 0


def test_a_stream_without_one_starts_its_own(runs: Path, started: list[subprocess.Popen[bytes]]) -> None:
    stream = NodeStream(runs, "run", Need(1.0, 0.0, 1))
    assert started == []
    stream.begin(Task("{}"))
    assert len(started) == 1
    stream.close()
    assert started[0].poll() == 0
