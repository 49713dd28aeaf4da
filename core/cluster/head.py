"""A cluster is started here, joined, asked after and left; the processes are the keeper's."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from ipaddress import IPv4Address, ip_address
from pathlib import Path

from core.cluster.access import (
    REFUSED,
    ClusterError,
    TokenRefusedError,
    cluster_folder,
    keep_token,
    make_token,
    ray_environment,
    read_token,
)
from core.cluster.here import Here, find_own, forget_here, kill_all, read_here, wait_until_gone, write_here
from core.machine.devices import list_device_ids
from core.machine.nodes import Cluster, forget_cluster, read_cluster
from core.machine.versions import explain_misfit
from core.system.child import start_process
from core.system.locks import require_locks
from core.system.processes import identify, kill

PORT = 6379
START_SECONDS, ASK_SECONDS, STOP_SECONDS = 300.0, 60.0, 30.0  # patience with a machine that is busy
LOG = "keeper.log"
TEMPORARY = "lab-ray-"


@dataclass(frozen=True)
class Door:
    """A port on which a process of this machine's part of the cluster listens."""

    port: int
    address: str
    program: str
    asks_token: bool = True

    @property
    def is_open(self) -> bool:
        """Whether other machines reach it."""
        ip = ip_address(self.address.partition("%")[0])
        return not (getattr(ip, "ipv4_mapped", None) or ip).is_loopback  # Ray listens at IPv6 for IPv4 too


def require_ray() -> None:
    """Raises ClusterError where Ray is not installed."""
    if find_spec("ray") is None:
        raise ClusterError("Ray is not installed: pip install -r requirements-cluster.txt -c requirements.lock")


def find_own_address(towards: str = "192.0.2.1") -> str:
    """This machine's address on the way to another; 127.0.0.1 where there is no way. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.connect((towards, 9))
        return str(probe.getsockname()[0])
    return "127.0.0.1"


def count_gpus() -> int:
    return sum(device.startswith("cuda") for device in list_device_ids())


def _check_gpus(gpus: int) -> int:
    if gpus > (there := count_gpus()):
        raise ClusterError(f"--gpus {gpus}: this machine has {there}.")
    return gpus


def count_cpus() -> int:
    """Those that this process may use: Slurm gives fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def prepare_head(runs: Path, own_address: str = "", port: int = PORT, cpus: int | None = None, gpus: int = 0) -> Here:
    """What this machine will be as a cluster's head; checked, nothing is started. Raises ClusterError.

    It gives its own devices only where that is asked for.
    """
    require_ray()
    require_locks(runs)
    own_address = check_address(own_address or find_own_address())
    _require_none(runs)
    cpus = gpus if cpus is None else cpus
    _check_gpus(gpus)
    _require_free(own_address, port)
    return Here("head", f"{own_address}:{port}", own_address, cpus, gpus, _make_folder())


def start_head(runs: Path, here: Here) -> Cluster:
    """Starts a cluster with this machine as its head. Raises ClusterError."""
    make_token(runs)
    before = read_cluster(runs)
    _start_keeper(runs, here)
    return _wait_for_head(runs, before)


def check_address(address: str) -> str:
    """An address of this machine as Ray wants it. Raises ClusterError."""
    try:
        ip = IPv4Address(address)
        with socket.socket() as probe:
            probe.bind((address, 0))
    except ValueError:
        raise ClusterError(f"--address {address}: must be an IP address of this machine, as 192.168.0.5.") from None
    except OSError:
        raise ClusterError(f"--address {address}: this machine has no such address.") from None
    if ip.is_unspecified:
        raise ClusterError(f"--address {address}: name the one address by which the other machines reach this one.")
    return address


def _require_none(runs: Path) -> None:
    here = read_here(runs)
    if here and here.is_kept():
        raise ClusterError(
            f"This machine is the head of {here.address} already."
            if here.is_head
            else f"It is in {here.address} already."
        )
    kill_all(find_own(runs))  # what a keeper left behind that was killed
    if here:
        _remove_folder(here)


def _require_free(address: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            raise ClusterError(f"Port {port} is not free ({error.strerror}). Choose another by --port.") from None


def _make_folder() -> str:
    # Ray's sockets lie in it, and a socket's path may have 107 characters.
    return tempfile.mkdtemp(prefix=TEMPORARY, dir="/tmp" if os.path.isdir("/tmp") else None)  # nosec B108 - a name of its own


def _start_keeper(runs: Path, here: Here) -> None:
    write_here(runs, here)
    (cluster_folder(runs) / LOG).write_bytes(b"")
    environment = {**os.environ, "RESNET_LAB_RUNS": str(runs)}
    pid = start_process(["core.cluster.keeper"], cluster_folder(runs) / LOG, environment)
    write_here(runs, replace(here, keeper=identify(pid), since=time.time()))


def _wait_for_head(runs: Path, before: Cluster | None) -> Cluster:
    """The cluster once its agent has looked at it. Raises ClusterError with the end of the log.

    Its look is another than that of `before`, not a later one: the clock may be set meanwhile, as after a boot.
    """
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        here = read_here(runs)
        if not here or not here.is_kept():
            break
        cluster = read_cluster(runs)
        if cluster and not (before and cluster.written == before.written):
            return cluster
        time.sleep(0.2)
    return _fail(runs, "The head did not start")


def _fail(runs: Path, what: str) -> Cluster:
    tail = read_log(runs)
    leave(runs)
    raise ClusterError(f"{what}. The end of its log:\n{tail}")


def read_log(runs: Path, lines: int = 15) -> str:
    """The last lines that the keeper and Ray printed here."""
    with suppress(OSError):
        return "\n".join((cluster_folder(runs) / LOG).read_text(errors="replace").splitlines()[-lines:])
    return ""


def prepare_node(
    runs: Path,
    address: str,
    token: str | None = None,
    own_address: str = "",
    cpus: int | None = None,
    gpus: int | None = None,
) -> Here:
    """What this machine will be in the cluster; checked with its head, nothing is started. Raises ClusterError.

    Without a token the one that is kept here is used.
    """
    require_ray()
    _require_none(runs)
    host, port = split_address(address)
    if not token:
        read_token(runs)  # raises where there is none
    ip = _reach(host, port)
    if misfit := explain_misfit(_ask_head_with(token, runs, f"{ip}:{port}")):
        raise ClusterError(
            f"This machine and the head would train differently (there is the head): {misfit}. "
            "Make them the same, then join again."
        )
    gpus = count_gpus() if gpus is None else _check_gpus(gpus)
    own_address = check_address(own_address or find_own_address(ip))
    cpus = count_cpus() if cpus is None else cpus
    return Here("node", f"{ip}:{port}", own_address, cpus, gpus, _make_folder())


def split_address(address: str) -> tuple[str, int]:
    """Host and port. Raises ClusterError."""
    host, colon, port = address.rpartition(":")
    if not colon:
        host, port = address, str(PORT)
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ClusterError(f"{address}: write the head's address as HOST:PORT; `core cluster up` told it.")
    return host, int(port)


def _reach(host: str, port: int) -> str:
    """The head's IP address, once it answers. Raises ClusterError."""
    try:
        with socket.create_connection((socket.gethostbyname(host), port), timeout=10) as there:
            return str(there.getpeername()[0])
    except OSError as error:
        why = error.strerror or str(error)
        raise ClusterError(
            f"Nobody answers at {host}:{port} ({why}). Is the cluster up there, and does no firewall stand between?"
        ) from None


def _ask_head_with(token: str | None, runs: Path, address: str) -> dict[str, str]:
    """The head's versions; a token that was handed over is kept once the head has taken it. Raises ClusterError."""
    if not token:
        return _ask_head(runs, address)
    with tempfile.TemporaryDirectory(dir=cluster_folder(runs)) as folder:
        keep_token(Path(folder), token)
        told = _ask_head(Path(folder), address)
    keep_token(runs, token)
    return told


def _ask_head(runs: Path, address: str) -> dict[str, str]:
    """The head's versions, asked with the token that is kept there. Raises ClusterError."""
    command = [sys.executable, "-m", "core.cluster.agent", address, "ask"]
    try:
        done = subprocess.run(
            command, env=ray_environment(runs), capture_output=True, text=True, timeout=ASK_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise ClusterError(f"The head at {address} gave no answer for {ASK_SECONDS:.0f} s. Is it too busy?") from None
    if done.returncode == REFUSED:
        raise TokenRefusedError(
            f"The head at {address} refused the token: it has another. Hand over its own: see docs/CLUSTER.md."
        )
    try:
        told = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None
    except (ValueError, IndexError):
        told = None
    if told is None:
        raise ClusterError(f"What answers at {address} is no head of a cluster of this lab, or has another Ray.")
    if not told:
        raise ClusterError(f"The head at {address} is still being started. Try again in a moment.")
    return dict(told)


def kept_by_this_process(here: Here) -> Here:
    """The same, for a process that is the keeper itself."""
    return replace(here, keeper=identify(os.getpid()), since=time.time())


def start_node(runs: Path, here: Here) -> None:
    """Keeps this machine in the cluster from now on; returns once Ray runs here. Raises ClusterError."""
    _start_keeper(runs, here)
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        kept = read_here(runs)
        if not kept or not kept.is_kept():
            break
        if "Ray runtime started" in read_log(runs, 100):
            return
        time.sleep(0.2)
    _fail(runs, "This machine did not join")


def leave(runs: Path) -> bool:
    """Ends what the keeper of this machine started, and nothing else; False where there was nothing."""
    here = read_here(runs)
    was_there = bool(here and here.is_kept())
    if here and here.keeper and was_there and here.keeper["pid"] != os.getpid():
        with suppress(ProcessLookupError, PermissionError):
            os.kill(here.keeper["pid"], 15)
        if not wait_until_gone(here, STOP_SECONDS):
            kill(here.keeper)
    left = find_own(runs)
    kill_all(left)
    if here:
        _remove_folder(here)
        if here.is_head:
            forget_cluster(runs)
    forget_here(runs)
    return was_there or bool(left)


def _remove_folder(here: Here) -> None:
    """Ray's own, with its logs, once nothing of it runs here any more."""
    if Path(here.folder).name.startswith(TEMPORARY):
        shutil.rmtree(here.folder, ignore_errors=True)


def list_doors(runs: Path) -> list[Door]:
    """Where this machine's part of the cluster listens, by port."""
    import psutil

    found = set()
    for process in find_own(runs):
        with suppress(psutil.Error):
            # Of Ray's dashboard, which is off, one process is there all the same, and tells how long requests took.
            asks = "dashboard.py" not in " ".join(process.cmdline())
            name = process.name().removeprefix("ray::") if asks else "Ray's request times"
            for connection in process.net_connections(kind="tcp"):
                if connection.status == psutil.CONN_LISTEN:
                    found.add(Door(connection.laddr.port, connection.laddr.ip, name, asks))
    return sorted(found, key=lambda door: (door.port, door.address))
