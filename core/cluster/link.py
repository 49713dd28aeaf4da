"""The process that goes between a run's keeper and Ray, and the socket to it.

It loads little: a keeper starts the other process before it loads what it needs itself, so that both load at once.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from core.cluster.access import ray_environment
from core.launch.environment import worker_environment
from core.system.child import spawn
from core.system.folders import PROJECT


class Link:
    """A driver that waits for its `Line`. Raises OSError where it cannot start."""

    def __init__(self, runs: Path) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = start_driver(theirs, worker_environment() | ray_environment(runs))
        self.connection: Connection[Any, Any] = Connection(ours.detach())

    def close(self) -> None:
        """Ends the driver, which ends the process on the node."""
        self.connection.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(2)
        self._process.kill()
        self._process.wait()


def start_driver(theirs: socket.socket, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Raises OSError."""
    command, nothing = ["core.cluster.driver", str(theirs.fileno())], subprocess.DEVNULL
    # What Ray prints is of its own business; what a run's log should have comes by the socket.
    return spawn(
        command, environment, cwd=PROJECT, stdin=nothing, stdout=nothing, stderr=nothing, pass_fds=[theirs.fileno()]
    )
