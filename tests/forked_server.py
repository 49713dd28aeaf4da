"""Page servers that start in a tenth of a second: forked from a process that has loaded what Streamlit and pages need.

`python -m tests.forked_server` is that process. It imports no torch, as no page server does, and nothing of it has
served a page: a server that is forked from it knows no more than one that has just been started.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import select
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

ROOT = Path(__file__).parent.parent
# What pages import when they are first drawn, beside the lab's own modules.
LIBRARIES = ("streamlit.web.cli", "streamlit.web.server.starlette.starlette_server", "pandas", "plotly", "optuna")


class ForkedServer:
    """As much of `subprocess.Popen` as a server needs."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._handle = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """0 once it has ended, however it did."""
        return 0 if self._handle < 0 or self._has_ended(0) else None

    def send_signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, number)

    def wait(self) -> None:
        if self._handle >= 0 and self._has_ended(None):
            os.close(self._handle)
            self._handle = -1

    def _has_ended(self, seconds: float | None) -> bool:
        return bool(select.select([self._handle], [], [], seconds)[0])


def fork_server(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> ForkedServer:
    """As `python -m streamlit ARGUMENTS` in the lab's folder, with its output appended to `log`."""
    process = _start()
    assert process.stdin
    assert process.stdout
    process.stdin.write(json.dumps([list(arguments), dict(environment), str(log)]) + "\n")
    process.stdin.flush()
    return ForkedServer(int(process.stdout.readline()))


@cache
def _start() -> subprocess.Popen[str]:
    """The process that is forked; it ends with this one."""
    command = [sys.executable, "-m", "tests.forked_server"]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


# In the other process -----------------------------------------------------------------------------------------------


def load() -> None:
    gc.disable()
    logging.disable()  # Streamlit warns of caches that are made without a server
    for name in [*LIBRARIES, *_list_modules("server"), *_list_modules("pages.parts")]:
        import_module(name)
    logging.disable(logging.NOTSET)
    gc.freeze()  # no server need look at it again
    gc.enable()


def _list_modules(package: str) -> Iterator[str]:
    for module in walk_packages(import_module(package).__path__, f"{package}."):
        yield module.name


def fork_on_request() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody here asks how a server has ended
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _serve(*json.loads(line))
        print(pid, flush=True)


def _serve(arguments: list[str], environment: dict[str, str], log: str) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(environment)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for ours, theirs in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(ours, theirs)
    sys.stdout = sys.stderr = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.argv = ["streamlit", *arguments]
    from streamlit.web.cli import main

    try:
        main(prog_name="streamlit")
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code)
    except BaseException:  # noqa: BLE001 - as Python would
        traceback.print_exc()
    finally:
        os._exit(0)  # nobody hears the status


if __name__ == "__main__":
    load()
    fork_on_request()
