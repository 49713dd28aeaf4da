"""The lab's own server as a process of its own, on a free port of the loopback, for tests and benchmarks."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.forked_server import ROOT, ForkedServer, fork_server

START_SECONDS = 60


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class LabServer:
    """`start`, `kill` and `start` again on the same port; the runs and data folders stay.

    `is_forked` is for tests to which it does not matter how a server starts: it takes a tenth of the time.
    """

    def __init__(self, folder: Path, app: str = "app.py", *, is_forked: bool = False) -> None:
        self.folder = folder
        self.app = app
        self.is_forked = is_forked
        self.port = find_free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **os.environ,
            "RESNET_LAB_RUNS": str(folder / "runs"),
            "RESNET_LAB_DATA": str(folder / "data"),
        }
        self.process: subprocess.Popen[bytes] | ForkedServer | None = None

    def start(self) -> float:
        """Starts and waits until pages are served; returns the seconds that took."""
        began = time.perf_counter()
        self.process = self._start_process()
        until = time.perf_counter() + START_SECONDS
        while time.perf_counter() < until:
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=1):
                    return time.perf_counter() - began
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        raise RuntimeError("the server did not start:\n" + (self.folder / "server.log").read_text()[-3000:])

    def _start_process(self) -> subprocess.Popen[bytes] | ForkedServer:
        log_path = self.folder / "server.log"
        arguments = ["run", self.app, f"--server.port={self.port}", "--server.headless=true"]
        if self.is_forked:
            return fork_server(arguments, self.environment, log_path)
        command = [sys.executable, "-m", "streamlit", *arguments]
        with open(log_path, "ab") as log:
            return subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=log, stderr=log)

    def kill(self) -> None:
        """As a crash would: no goodbye."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`python -m core ...` on the same folders."""
        return subprocess.run(
            [sys.executable, "-m", "core", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


@contextmanager
def serve_lab(folder: Path, server: LabServer | None = None, **environment: str) -> Iterator[LabServer]:
    """A server on empty folders below `folder`, with more in its environment if need be.

    It is stopped at the end, and with it every run that still trains.
    """
    for name in ("runs", "data"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    server = server or LabServer(folder)
    server.environment |= environment
    try:
        server.start()
        yield server
    finally:
        server.kill()
        end_workers(folder / "runs")


def end_workers(runs: Path) -> None:
    """Kills what was started for this runs folder alone: known by the folder in its environment."""
    import psutil

    ours = {"core.worker", "core.studies.worker", "server.dashboard"}

    for process in psutil.process_iter():
        try:
            if ours & set(process.cmdline()) and process.environ().get("RESNET_LAB_RUNS") == str(runs):
                process.kill()
        except psutil.Error:
            continue
