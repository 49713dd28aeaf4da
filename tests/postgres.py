"""A PostgreSQL server of a test's own, on the loopback: Debian's, or whatever is installed like it."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class Server:
    """`make` once, then `start` and `cut` as often as you like; run by a user without rights."""

    def __init__(self, programs: Path, folder: Path, user: str | None) -> None:
        self.programs, self.folder, self.user = programs, folder, user
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://lab@127.0.0.1:{self.port}/postgres"

    def run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), "-D", str(self.folder / "data"), *arguments]
        with open(self.folder / "output.txt", "ab") as output:
            subprocess.run(
                command, check=True, user=self.user, cwd=self.folder, stdout=output, stderr=output, timeout=120
            )

    def make(self) -> None:
        self.run("initdb", "--username=lab", "--auth=trust", "--encoding=UTF8", "--locale=C")

    def start(self) -> None:
        options = f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories={self.folder}"
        self.run("pg_ctl", "-w", "-o", options, "-l", str(self.folder / "server.log"), "start")

    def cut(self) -> None:
        """Ends the server without a word to anyone, as a power cut would."""
        self.run("pg_ctl", "-w", "-m", "immediate", "stop")


def find_programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def find_user() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)


@contextmanager
def serve_postgres() -> Iterator[Server]:
    """A server that runs; the test is skipped where PostgreSQL is not installed."""
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="resnet-lab-postgres-"))
    user = find_user()
    if user:
        shutil.chown(folder, user)
    server = Server(programs, folder, user)
    try:
        server.make()
        server.start()
        yield server
        server.cut()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
