"""A machine knows what it is in a cluster, and which processes are its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.cluster.access import cluster_folder, token_path
from core.cluster.here import (
    HERE,
    MARK,
    Here,
    answers,
    find_own,
    forget_here,
    kill_all,
    read_here,
    wait_until_gone,
    write_here,
)
from core.system.processes import identify

CHILD = "import subprocess, sys; p = subprocess.Popen(['sleep', '60'], env={}); print(p.pid, flush=True); p.wait()"


def make(**changes: object) -> Here:
    facts = {"kind": "head", "address": "127.0.0.1:6379", "own_address": "127.0.0.1", "cpus": 0, "gpus": 0}
    return Here(**{**facts, "folder": "/tmp/lab-ray-none", **changes})  # type: ignore[arg-type]


@pytest.fixture
def marked(runs: Path) -> Iterator[tuple[int, int]]:
    """A process that a keeper of this folder could have started, and a child of it that lost its environment."""
    environment = {**os.environ, MARK: str(runs)}
    with subprocess.Popen([sys.executable, "-c", CHILD], env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout
        yield process.pid, int(process.stdout.readline())
        process.kill()


def test_asking_leaves_nothing_behind(runs: Path) -> None:
    assert read_here(runs) is None
    assert not token_path(runs).parent.exists()


def test_what_is_written_is_read_and_forgotten(runs: Path) -> None:
    assert read_here(runs) is None
    here = make(keeper=identify(os.getpid()), since=5.0)
    write_here(runs, here)
    assert read_here(runs) == here
    assert here.is_head
    assert here.is_kept()
    forget_here(runs)
    assert read_here(runs) is None


@pytest.mark.parametrize("content", ["", "{}", '{"kind": "head"}', '{"odd": 1}', "[]"])
def test_a_damaged_note_is_none(runs: Path, content: str) -> None:
    (cluster_folder(runs) / HERE).write_text(content)
    assert read_here(runs) is None


def test_own_processes_are_found_with_their_children_and_no_others(runs: Path, marked: tuple[int, int]) -> None:
    assert {process.pid for process in find_own(runs)} == set(marked)
    assert {process.pid for process in find_own(runs, but=marked[0])} == {marked[1]}
    assert find_own(runs.parent) == []
    assert kill_all(find_own(runs))
    assert find_own(runs) == []


def test_waiting_for_a_keeper_ends_when_it_is_gone(runs: Path, marked: tuple[int, int]) -> None:
    here = make(keeper=identify(marked[1]))
    assert not wait_until_gone(here, 0.0)
    os.kill(marked[1], 9)
    assert wait_until_gone(here, 10.0)


def test_an_address_answers_while_somebody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert answers(address)
    assert not answers(address)
