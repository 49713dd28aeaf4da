"""What this machine is in a cluster, and which of its processes belong to it."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import psutil

from core.cluster.access import FOLDER, cluster_folder
from core.system import files, processes

# In the environment of all that a keeper starts: its runs folder.
MARK = "RESNET_LAB_CLUSTER_OF"
HERE = "here.json"


@dataclass(frozen=True)
class Here:
    """This machine's part in a cluster, and the process that keeps it."""

    kind: str  # head or node
    address: str  # of the head, as HOST:PORT
    own_address: str
    cpus: int
    gpus: int
    folder: str  # of Ray's own logs and sockets; short, as the path of a socket must be
    keeper: dict[str, Any] | None = None
    since: float = 0.0

    @property
    def is_head(self) -> bool:
        return self.kind == "head"

    @property
    def is_alone(self) -> bool:
        """Whether other machines cannot reach this one by its address."""
        return ip_address(self.own_address).is_loopback

    def is_kept(self) -> bool:
        """Whether the process that keeps it is there."""
        return processes.is_same(self.keeper)


def read_here(runs: Path) -> Here | None:
    """What this machine was told to be last; None if nothing, or its file is damaged."""
    record = files.find_note(runs / FOLDER / HERE)
    try:
        here = Here(**record) if record else None
    except TypeError:
        return None
    fits = here and isinstance(here.address, str) and isinstance(here.folder, str)
    return here if fits else None


def write_here(runs: Path, here: Here) -> None:
    files.write_json(cluster_folder(runs) / HERE, asdict(here))


def forget_here(runs: Path) -> None:
    (cluster_folder(runs) / HERE).unlink(missing_ok=True)


def find_own(runs: Path, but: int = 0) -> list[psutil.Process]:
    """The processes that this machine's keeper started, and all that those started; without the process `but`.

    Ray's workers write their titles over their environment, so they are found by their parents.
    """
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == str(runs):
                found |= {each.pid: each for each in (process, *process.children(recursive=True))}
    found.pop(but, None)
    return list(filter(_lives, found.values()))


def kill_all(found: list[psutil.Process], seconds: float = 10.0) -> bool:
    """Kills processes at once; whether all of them are gone.

    One that nobody waits for, as in a container without an init, stays a zombie: it is gone.
    """
    for process in found:
        with suppress(psutil.Error):
            process.kill()
    until = time.monotonic() + seconds
    while any(map(_lives, found)):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def wait_until_gone(here: Here, seconds: float) -> bool:
    """Whether the keeper ended within so many seconds."""
    until = time.monotonic() + seconds
    while here.is_kept():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def answers(address: str) -> bool:
    """Whether somebody listens there."""
    host, _, port = address.rpartition(":")
    with suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
        return True
    return False
