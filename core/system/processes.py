"""Identifies recorded processes: a process id alone may belong to another process by now."""

from __future__ import annotations

import os
import signal
from pathlib import Path

TYPE_CHECKING = False  # Waiting workers import this module: `typing` would cost each of them memory.
if TYPE_CHECKING:
    from typing import Any


def identify(pid: int) -> dict[str, Any] | None:
    """What distinguishes this process from every other: id, start time, boot and host.

    The start is in ticks since boot if the system reports them, so that setting the clock changes nothing. None if
    there is no such process, or only its zombie.
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
    """Changes with every boot; empty if the system does not report it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def count_oom_kills() -> int | None:
    """Processes that Linux killed for lack of memory since boot; None if the system does not report it."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)


def is_of_this_machine(recorded: dict[str, Any]) -> bool:
    """Whether a process was recorded here, even if before a restart; containers of one machine share its boot."""
    return recorded.get("host") == host_name() or bool(boot_id() and recorded.get("boot") == boot_id())


def is_same(recorded: dict[str, Any] | None) -> bool:
    """Whether the recorded process still runs on this machine."""
    if not recorded or not isinstance(recorded.get("pid"), int) or recorded["pid"] <= 1:
        return False
    return identify(recorded["pid"]) == recorded


def kill(recorded: dict[str, Any]) -> bool:
    """Kills the recorded process at once; False, and no signal is sent, if it is gone."""
    if not hasattr(os, "pidfd_open"):
        if is_same(recorded):
            os.kill(recorded["pid"], getattr(signal, "SIGKILL", signal.SIGTERM))
            return True
        return False
    try:
        fd = os.pidfd_open(recorded["pid"])
    except (KeyError, TypeError, OverflowError, OSError):
        return False
    try:
        # Checked after opening: the descriptor keeps meaning this process, even if its id is reused.
        if not is_same(recorded):
            return False
        signal.pidfd_send_signal(fd, signal.SIGKILL)
    except ProcessLookupError:
        return False
    finally:
        os.close(fd)
    return True
