"""Machines of a cluster, as folders of this one: each with a runs folder and processes of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from core.cluster.access import token_path
from core.cluster.head import read_log
from core.cluster.here import find_own, kill_all, read_here
from core.machine.nodes import Node, read_cluster
from core.system.folders import PROJECT
from tests.core.workers import wait_for

SECONDS = 400


class Machine:
    """What is done on one machine; `project` is where its copy of the lab lies."""

    def __init__(self, folder: Path, project: Path = PROJECT, enter: tuple[str, ...] = ()) -> None:
        self.runs, self.project, self.enter = folder / "runs", project, enter
        self.runs.mkdir(parents=True)

    def core(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """`python -m core ...` there, with a text on its standard input."""
        return subprocess.run(
            [*self.enter, sys.executable, "-m", "core", *arguments],
            cwd=self.project,
            env={**os.environ, "RESNET_LAB_RUNS": str(self.runs), "OMP_NUM_THREADS": "1"},
            input=text,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def done(self, *arguments: str, text: str = "") -> str:
        """The same, for what must succeed; returns what it printed and said."""
        done = self.core(*arguments, text=text)
        assert done.returncode == 0, done.stdout + done.stderr + self.log()
        return done.stdout + done.stderr

    def log(self) -> str:
        return read_log(self.runs, 100)

    @property
    def token(self) -> str:
        return token_path(self.runs).read_text()

    def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.core("cluster", "status", "--json").stdout)
        return answer

    def nodes(self) -> list[Node]:
        """The nodes that its agent sees; on the head."""
        cluster = read_cluster(self.runs)
        return list(cluster.live) if cluster else []

    def lost(self) -> list[Node]:
        cluster = read_cluster(self.runs)
        return [node for node in cluster.nodes if node.lost is not None] if cluster and not cluster.is_stale() else []

    def processes(self) -> list[psutil.Process]:
        """Ray's, without the keeper."""
        return find_own(self.runs)

    def cut_power(self) -> None:
        """Everything of the cluster on this machine ends at once, the keeper first, and nothing is said to anybody."""
        here = read_here(self.runs)
        assert here
        assert here.keeper
        keeper = psutil.Process(here.keeper["pid"])
        keeper.suspend()
        kill_all([*self.processes(), keeper])


def wait_for_nodes(head: Machine, count: int, seconds: float = 60.0) -> list[Node]:
    """The nodes, once there are so many whose memory is known."""
    wait_for(lambda: len([node for node in head.nodes() if node.memory]) == count, seconds)
    return head.nodes()
