"""Workers that `core.system.child.spawn` would start, forked with torch loaded: the same code, seconds earlier."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any

from tests.core import workers


class ForkedPopen:
    """As much of `subprocess.Popen` as the lab asks of a process."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], stdin: Any, stdout: Any) -> None:
        reader, writer = Pipe(duplex=False)
        self.stdin = os.fdopen(os.dup(writer.fileno()), "wb", 0) if stdin == subprocess.PIPE else None
        output = os.devnull if stdout == subprocess.DEVNULL else stdout.name
        self._process = workers.make_fork(_work, list(command), dict(environment), reader, output)
        workers.keep(self._process)
        self._lock = threading.Lock()
        self.pid = int(self._process.pid)
        reader.close()
        writer.close()

    def poll(self) -> int | None:
        with self._lock:
            status: int | None = self._process.exitcode
        return status

    def wait(self) -> int:
        while (status := self.poll()) is None:
            wait([self._process.sentinel])
        return status

    def kill(self) -> None:
        self._process.kill()


def spawn_forked(command: Sequence[str], environment: Mapping[str, str], **options: Any) -> ForkedPopen:
    """As `core.system.child.spawn`, for `core.worker`."""
    assert command[0] == "core.worker"
    return ForkedPopen(command, environment, options["stdin"], options["stdout"])


def _work(command: list[str], environment: dict[str, str], stdin: Connection, output: str) -> None:
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(stdin.fileno(), 0)
    stdin.close()
    target = os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(target, 1)
    os.dup2(target, 2)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = sys.stderr = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    workers.look_often()
    from core.worker.run import main, stand_by

    os._exit(stand_by() if command[1] == "--standby" else main(command[1]))
