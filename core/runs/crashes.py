"""Why a process ended without saying so itself, as far as the system knows.

Its parent, if still alive, learns by which signal it ended. Linux counts the processes that it killed for lack of
memory, but does not say which; each worker keeps the latest count in its progress.
"""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.runs import layout
from core.runs.records import Crash, ProgressRecord, WorkerRecord
from core.system import files, processes

RESUME = "It can be resumed."
_OUT_OF_MEMORY = "Stop other programs or runs, then resume it; or clone it with smaller batches or images."


def note_crash(folder: Path, process: dict[str, Any] | None, status: int) -> None:
    """Keeps how a worker's process ended, for its run's page; not needed if it wrote its own end."""
    if process is None or status == 0 or (folder / layout.END).exists():
        return
    if (known := files.find_note(folder / layout.CRASH)) and known.get("process") == process:
        return  # it said so itself
    crash = {"process": process, "status": status, "oom_kills": processes.count_oom_kills(), "time": time.time()}
    with suppress(OSError):  # the run was deleted, or its disk is full
        files.write_json(folder / layout.CRASH, crash)


def explain_crash(worker: WorkerRecord | None, progress: ProgressRecord | None, crash: Crash | None) -> str:
    """Why a run was interrupted, as a sentence: from what its worker and the worker's parent wrote last."""
    process = (worker or {}).get("process") or {}
    if crash and process and crash.get("process") == process:
        return _explain_status(int(crash.get("status") or 0), _new_kills(worker, progress, crash.get("oom_kills")))
    here = process.get("host") == processes.host_name()
    if here and process.get("boot") and process["boot"] != processes.boot_id():
        return f"The machine went down or was restarted. {RESUME}"
    if not here or not process.get("boot"):
        return f"Its process ended without saying why: killed, out of memory, or the machine went down. {RESUME}"
    kills = _new_kills(worker, progress, processes.count_oom_kills())
    if kills:
        many = "a process" if kills == 1 else f"{kills} processes"
        return (
            f"Probably out of memory: its process is gone, and since then the system has killed {many} for lack of "
            f"memory. {_OUT_OF_MEMORY}"
        )
    return f"Its process ended without saying why: it was killed, or it crashed. {RESUME}"


def _explain_status(status: int, kills: int) -> str:
    if status == -signal.SIGKILL and kills:
        return f"Out of memory: the system killed its process. {_OUT_OF_MEMORY}"
    if status == -signal.SIGKILL:
        return f"Its process was killed from outside. {RESUME}"
    if status == -signal.SIGTERM:
        return f"Ended by the system (SIGTERM), as at a shutdown or when a cluster takes its machine back. {RESUME}"
    if status < 0:
        return f"Its process was ended by {_name(-status)}. The log may say more. {RESUME}"
    return f"Its process ended before it could say why (status {status}). The log may say more. {RESUME}"


def _name(number: int) -> str:
    try:
        known = signal.Signals(number)
    except ValueError:
        return f"signal {number}"
    return f"{known.name} ({(signal.strsignal(known) or 'unknown').lower()})"


def _new_kills(worker: WorkerRecord | None, progress: ProgressRecord | None, now: object) -> int:
    """Processes killed for lack of memory since the worker's last record; 0 if that is not known."""
    counts = [noted.get("oom_kills") for noted in (worker, progress) if noted]
    known = [count for count in counts if isinstance(count, int)]
    # The count only rises, so the highest is the latest.
    return max(0, now - max(known)) if known and isinstance(now, int) else 0
