"""Which process a recorded one is: a process id alone may by now belong to somebody else."""

from __future__ import annotations

import os
import signal
from pathlib import Path

TYPE_CHECKING = False  # Waiting workers import this module: `typing` would cost each of them memory.
if TYPE_CHECKING:
    from typing import Any


def identify(pid: int) -> dict[str, Any] | None:
    """What tells this process from every other: its id, when it started, and since which start of which machine.

    The start is counted in ticks since boot where the system tells them, so that setting the clock changes nothing.
    None where there is no such process, or only its zombie.
    """
    stat = Path(f"/proc/{pid}/stat")
    if not Path("/proc/self/stat").exists():
        return _identify_by_psutil(pid)
    try:
        # The name in brackets may hold anything, so the fields are counted from its end.
        fields = stat.read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    if fields[0] in "ZX":
        return None
    return {"pid": pid, "started": int(fields[19]), "boot": boot_id(), "host": host_name()}


def _identify_by_psutil(pid: int) -> dict[str, Any] | None:
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        started = int(process.create_time() * 1000)
    except psutil.Error:
        return None
    return {"pid": pid, "started": started, "boot": boot_id(), "host": host_name()}


def host_name() -> str:
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")


def boot_id() -> str:
    """Changes with every start of the machine; empty where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def count_oom_kills() -> int | None:
    """Processes that Linux killed for want of memory since it started; None where the system does not tell."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)


def is_same(recorded: dict[str, Any] | None) -> bool:
    """Whether the recorded process still runs on this machine."""
    if not recorded or not isinstance(recorded.get("pid"), int) or recorded["pid"] <= 1:
        return False
    return identify(recorded["pid"]) == recorded


def kill(recorded: dict[str, Any]) -> bool:
    """Kills the recorded process at once; False, and no signal to anyone, where it is no longer that process."""
    if not hasattr(os, "pidfd_open"):
        if is_same(recorded):
            os.kill(recorded["pid"], getattr(signal, "SIGKILL", signal.SIGTERM))
            return True
        return False
    try:
        fd = os.pidfd_open(recorded["pid"])
    except (KeyError, TypeError, OSError):
        return False
    try:
        # Checked after opening: the descriptor means this very process, even if its id is given away meanwhile.
        if not is_same(recorded):
            return False
        signal.pidfd_send_signal(fd, signal.SIGKILL)
    except ProcessLookupError:
        return False
    finally:
        os.close(fd)
    return True
