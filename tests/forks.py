"""Workers for the lab's own server, forked by the tests' process: they have torch loaded, and start in milliseconds.

A server of `tests/browser/quick_app.py` asks by a socket for what another would start as `python -m core.worker`.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

import pytest

from core.launch import launcher
from core.studies import manage
from core.system.child import Ended, start_process
from core.system.processes import identify

ADDRESS = "RESNET_LAB_TEST_FORKS"
PAUSE = "RESNET_LAB_TEST_PAUSE"  # seconds for which a worker rests after each epoch, where it is set
FORKED = ("core.worker", "core.studies.worker")
STARTERS: tuple[Any, ...] = (launcher, manage)  # the modules that start workers


def start_forked(
    command: Sequence[str], log_path: Path, environment: Mapping[str, str], ended: Ended = lambda process, status: None
) -> int:
    """As `start_process`; anything but a worker is started by that."""
    if command[0] not in FORKED or ADDRESS not in os.environ:
        return start_process(command, log_path, environment, ended)
    connection = Client(os.environ[ADDRESS])
    connection.send((list(command), str(log_path), dict(environment)))
    pid = int(connection.recv())
    who = identify(pid)
    threading.Thread(target=lambda: ended(who, connection.recv()), name=f"reaper of {pid}", daemon=True).start()
    return pid


def fork_workers() -> None:
    """From here on this process starts its workers so, where ADDRESS is set."""
    for module in STARTERS:
        module.start_process = start_forked


@contextmanager
def forking(address: str) -> Iterator[None]:
    """While it lasts, this process starts its workers so."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ADDRESS, address)
        for module in STARTERS:
            patch.setattr(module, "start_process", start_forked)
        yield


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
    from tests.core.workers import look_often

    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    log = os.open(log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.stdout = sys.stderr = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    look_often()
    if PAUSE in environment:
        _rest_after_epochs(float(environment[PAUSE]))
    os._exit(_main_of(module[0])(module[1:]))


def _rest_after_epochs(seconds: float) -> None:
    from core.worker.recorder import Recorder

    end_epoch = Recorder._end_epoch

    def end_and_rest(*arguments: Any) -> None:
        end_epoch(*arguments)
        time.sleep(seconds)

    Recorder._end_epoch = end_and_rest  # type: ignore[method-assign,assignment]


def _main_of(module: str) -> Callable[[list[str]], int]:
    if module == "core.worker":
        from core.worker.run import main

        return lambda words: main(words[0])
    from core.studies.worker import main as search

    return search
