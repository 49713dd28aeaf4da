"""How a run ends: one `end.json`, with a sentence that says why, even on a disk that is full."""

from __future__ import annotations

import os
import signal
import time
import traceback
from contextlib import suppress
from pathlib import Path

from core.runs import layout
from core.system import files, processes
from core.system.errors import FULL, LabError, explain_os_error
from core.system.names import readable

TYPE_CHECKING = False  # Waiting workers import this module: `typing` would cost each of them memory.
if TYPE_CHECKING:
    from typing import Any

RESERVE_BYTES = 64 * 1024


def log(text: str) -> None:
    """A line of log.txt. A full disk must not hide the run's own error."""
    with suppress(OSError, ValueError):
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {readable(text)}", flush=True)


def reserve_space(folder: Path) -> None:
    """Reserves a few blocks, so that the end can be written even to a full disk."""
    with open(folder / layout.RESERVE, "wb") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
        else:
            file.write(bytes(RESERVE_BYTES))


def end_run(
    folder: Path, state: str, reason: str, kind: str = "", metrics: dict[str, Any] | None = None, *, epoch: int = 0
) -> int:
    """Writes the run's end; the exit status of its process: 0 if it finished or was stopped."""
    log(f"{state.capitalize()}. {reason}")
    figures = metrics or {}
    end = {"state": state, "reason": reason, "kind": kind, "epoch": epoch, "ended": time.time(), "metrics": figures}
    (folder / layout.RESERVE).unlink(missing_ok=True)
    for _ in range(2):  # a disk that failed once may take it the second time
        try:
            files.write_json(folder / layout.END, end)
        except OSError as error:
            log(f"The end could not be written: {error}")
        else:
            return 1 if state == "failed" else 0
    # Without an end the run shows as interrupted, which is true.
    return 1


def leave_off(folder: Path, number: int) -> int:
    """Notes by which signal the system ends the run's process; the exit status that shells give to this.

    The run stays without an end: it is interrupted, and goes on when it is started again.
    """
    log(f"The system ends this process ({signal.Signals(number).name}); the run goes on when it is started again.")
    process = processes.identify(os.getpid())
    crash = {"process": process, "status": -number, "oom_kills": processes.count_oom_kills(), "time": time.time()}
    with suppress(OSError):  # without it the run is interrupted all the same
        files.write_json(folder / layout.CRASH, crash)
    return 128 + number


def describe_failure(error: Exception) -> tuple[str, str]:
    """A sentence for the page and the kind of failure; an unexpected error has its traceback in the log."""
    if is_disk_full(error):
        return "The run could not be written: disk full. Free some space, then resume.", "disk_full"
    if isinstance(error, LabError):
        return str(error), error.kind
    log("".join(traceback.format_exception(error)))
    # torch's allocator has no error of its own where memory runs out on a CPU.
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error)):
        return "The machine's memory ran out. Try smaller or fewer images, or stop other programs.", "out_of_memory"
    if isinstance(error, OSError) and error.strerror:
        return explain_os_error(error), "io"
    last = traceback.format_exception_only(error)[-1].strip()
    return f"Unexpected: {last[:500]} The log has the details.", "error"


def is_disk_full(error: BaseException | None) -> bool:
    """Whether a full disk is behind an error, however often it was wrapped."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        error = error.__cause__ or error.__context__
    return False
