"""A node without Ray: the same trainer in a forked process, and the same messages, so that tests need no cluster."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue

from core.cluster.access import make_token
from core.cluster.events import GONE, Alive, Lost, Task
from core.machine.nodes import Cluster, Node, write_cluster
from core.machine.versions import describe_versions
from core.runs import presence
from core.runs.folder import Run
from core.runs.place import write_place
from core.runs.store import open_run
from core.spec import RunSpec
from tests.core import workers
from tests.made_runs import create_run


def write_nodes(runs: Path, count: int = 2, drained: frozenset[str] = frozenset(), **fields: object) -> None:
    """What the agent would tell of nodes of one CPU each, just now; of some that they are drained."""
    own = {"cpus": 1, "cpus_free": 1, **describe_versions(), **fields}
    names = [f"node-{number}" for number in range(1, count + 1)]
    nodes = [
        Node({"id": name.replace("node", "id"), "name": name, "leaving": 1.0 if name in drained else None, **own})
        for name in names
    ]
    write_cluster(runs, Cluster("127.0.0.1:1", nodes))


class PlainCluster:
    """Tells of so many nodes, as the agent does, until it ends."""

    def __init__(self, runs: Path, count: int = 2) -> None:
        self.runs, self.count, self.over = runs, count, threading.Event()
        self.drained: frozenset[str] = frozenset()
        make_token(runs)
        write_nodes(runs, count)
        self.thread = threading.Thread(target=self._tell, daemon=True)

    def _tell(self) -> None:
        while not self.over.wait(1):
            write_nodes(self.runs, self.count, self.drained)

    def drain(self, name: str) -> None:
        self.drained |= {name}
        write_nodes(self.runs, self.count, self.drained)

    def __enter__(self) -> PlainCluster:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()


def create_cluster_run(spec: RunSpec) -> Run:
    """A run that waits for a place on the cluster."""
    run = open_run(create_run(spec))
    write_place(run.path, {})
    return run


def start_proxy(run: Run, setup: Callable[[], None] | None = None) -> int:
    """The process that keeps a run, with nodes without Ray; its process id."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(("RESNET_LAB_", "OMP_"))}
    pid = workers.fork(_keep, run.id, run.path, kept, setup)
    presence.mark_launch(run.path, pid)
    return pid


def _keep(run_id: str, folder: Path, environment: dict[str, str], setup: Callable[[], None] | None) -> None:
    os.setsid()
    os.environ.update(environment)
    log = os.open(folder / "log.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    import sys

    sys.stdout = sys.stderr = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    from core.cluster import link, proxy

    link.start_driver = fork_driver  # type: ignore[assignment]
    if setup:
        setup()
    os._exit(proxy.main(run_id))


class Forked:
    """As much of a Popen as is used."""

    def __init__(self, pid: int) -> None:
        self.pid, self.status = pid, None

    def kill(self) -> None:
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int | None:
        end = time.monotonic() + (timeout or 60)
        while self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
            elif time.monotonic() > end:
                raise subprocess.TimeoutExpired("driver", timeout or 0)
            else:
                time.sleep(0.01)
        return self.status


def fork_driver(theirs: socket.socket, environment: Mapping[str, str]) -> Forked:
    """In place of the process that speaks with Ray: it is the node itself."""
    number = os.environ.get("PLAIN_NODE", "1")
    os.environ["PLAIN_NODE"] = str(int(number) + 1)  # each further one is another node
    pid = os.fork()
    if pid:
        return Forked(pid)
    for number_of_signal in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number_of_signal, signal.SIG_DFL)
    # As a process that is started, not forked: neither the run's lock nor the other end of the socket is its own.
    own = theirs.detach()
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) != own:
            with suppress(OSError):
                os.close(int(name))
    try:
        serve(Connection(own), f"id-{number}")
    finally:
        os._exit(1)


def serve(connection: Connection, node: str) -> None:  # type: ignore[type-arg]
    from core.cluster.node import Trainer

    trainer, tasks, sending = Trainer(connection.recv()), SimpleQueue(), threading.Lock()

    def send(item: object) -> None:
        with sending:
            connection.send(item)

    def listen() -> None:
        try:
            while True:
                message = connection.recv()
                trainer.stop() if message == "stop" else tasks.put(message)
        except (EOFError, OSError):
            os._exit(0)

    def beat() -> None:
        while True:
            send(Alive(trainer.beat()))
            time.sleep(0.2)

    threading.Thread(target=listen, daemon=True).start()
    threading.Thread(target=beat, daemon=True).start()
    while True:
        task: Task = tasks.get()
        try:
            for item in trainer.train(task, node):
                send(item)
        except SystemExit as exit:  # as Ray says of a node that is gone, or whose process ended
            send(Lost(exit.code if isinstance(exit.code, str) else GONE))
