"""Workers for the lab's own server, forked by the tests' process: they have torch loaded, and start in milliseconds.

A server of `tests/browser/quick_app.py` asks by a socket for what another would start as `python -m core.worker`.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from core.launch import launcher
from core.launch.environment import worker_environment
from core.runs.crashes import note_death
from core.studies import manage
from core.system import processes

ADDRESS = "RESNET_LAB_TEST_FORKS"
FORKED = ("core.worker", "core.studies.worker")
start_process = launcher.start_process


def start_forked(module: Sequence[str], log_path: Path, *, folder: Path | None = None) -> int:
    """As `core.launch.launcher.start_process`; anything but a worker is started by that."""
    if module[0] not in FORKED or ADDRESS not in os.environ:
        return start_process(module, log_path, folder=folder)
    connection = Client(os.environ[ADDRESS])
    connection.send((list(module), str(log_path), worker_environment()))
    pid = int(connection.recv())
    who = processes.identify(pid)

    def wait() -> None:
        status = connection.recv()
        if folder:
            note_death(folder, who, status)

    threading.Thread(target=wait, name=f"reaper of {pid}", daemon=True).start()
    return pid


@contextmanager
def forking(address: str = "") -> Iterator[None]:
    """While it lasts, this process starts its workers so."""
    kept = os.environ.get(ADDRESS)
    os.environ[ADDRESS] = address or os.environ[ADDRESS]
    launcher.start_process = manage.start_process = start_forked
    try:
        yield
    finally:
        launcher.start_process = manage.start_process = start_process
        os.environ.pop(ADDRESS)
        if kept is not None:
            os.environ[ADDRESS] = kept


class Forks:
    """Serves the socket; `end` kills what was started for one runs folder."""

    def __init__(self) -> None:
        self.address = str(Path(tempfile.mkdtemp(prefix="forks")) / "socket")
        self._listener = Listener(self.address)
        self._started: list[tuple[str, Any]] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def end(self, runs: Path) -> None:
        for of, process in self._started:
            if of == str(runs):
                process.kill()
                process.join()
        self._started = [each for each in self._started if each[0] != str(runs)]

    def _listen(self) -> None:
        while True:
            connection = self._listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        from tests.core.workers import make_fork

        module, log_path, environment = connection.recv()
        process = make_fork(_work, module, log_path, environment)
        self._started.append((environment["RESNET_LAB_RUNS"], process))
        connection.send(process.pid)
        process.join()
        with suppress(OSError):  # the server was killed
            connection.send(process.exitcode)


def _work(module: list[str], log_path: str, environment: Mapping[str, str]) -> None:
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    log = os.open(log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.stdout = sys.stderr = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    os._exit(_main_of(module[0])(module[1:]))


def _main_of(module: str) -> Callable[[list[str]], int]:
    if module == "core.worker":
        from core.worker.run import main

        return lambda words: main(words[0])
    from core.studies.worker import main as search

    return search
