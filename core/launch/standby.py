"""A worker that has loaded torch and waits for its run, so that a run starts as soon as its images are there.

The page server keeps one from its start, while people shape networks, and again when a run has ended; everything else
starts workers from nothing, which takes seconds of imports. It ends with the server that keeps it, whose end closes its
standard input: no process is left behind.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from core.system.child import spawn
from core.system.folders import PROJECT

COMMAND = ["core.worker", "--standby"]
# The page that asks for it is drawn first: both want the processor.
SETTLE_SECONDS = 2.0
# So does a run that starts: the next one to wait must not load what it loads at the same time.
REST_SECONDS = 10.0


class Standby:
    """The one that this process keeps; nothing happens before `enable`."""

    def __init__(self) -> None:
        self.enabled = False
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._environment: Mapping[str, str] = {}
        self._rests_until, self._rests_for = 0.0, ""

    def enable(self) -> None:
        """Called by a process that lives long and starts runs again and again."""
        self.enabled = True

    def disable(self) -> None:
        """Ends the one that waits and keeps none from now on."""
        with self._lock:
            self.enabled = False
            self._put_off()
            self._end()

    def prepare(self, environment: Mapping[str, str], delay: float = SETTLE_SECONDS) -> None:
        """Has one ready soon, unless there is one or it is on its way."""
        with self._lock:
            if not self.enabled or self._is_there(environment) or (self._timer and self._timer.is_alive()):
                return
            wait = max(delay, self._rests_until - time.monotonic())
            self._timer = threading.Timer(wait, self._start, (environment,))
            self._timer.daemon = True
            self._timer.start()

    def take(self, run_id: str, log_path: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes] | None:
        """Hands the run to the one that waits; None where there is none for this environment, or it has just ended."""
        with self._lock:
            if not self._is_there(environment):
                return None
            process, self._process = self._process, None
            self._rest(run_id)
        assert process
        assert process.stdin
        try:
            with process.stdin as pipe:
                pipe.write(json.dumps({"run": run_id, "log": str(log_path)}).encode() + b"\n")
        except OSError:
            process.kill()
            process.wait()
            return None
        return process

    def rest(self, run_id: str) -> None:
        """Starts none for a while: the run's worker starts without it."""
        with self._lock:
            self._rest(run_id)

    def wake(self, run_id: str) -> None:
        """This run has ended, and so has the rest that its start began; that of another start goes on."""
        with self._lock:
            if self._rests_for == run_id:
                self._rests_until = 0.0
                self._put_off()

    def _rest(self, run_id: str) -> None:
        self._rests_for = run_id
        self._rests_until = time.monotonic() + REST_SECONDS
        self._put_off()

    def _put_off(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _is_there(self, environment: Mapping[str, str]) -> bool:
        if self._process is None:
            return False
        if self._process.poll() is None and self._environment == environment:
            return True
        self._end()
        return False

    def _start(self, environment: Mapping[str, str]) -> None:
        with self._lock:
            if not self.enabled or self._is_there(environment):
                return
            try:
                nothing = subprocess.DEVNULL
                self._process = spawn(
                    COMMAND, environment, cwd=PROJECT, stdin=subprocess.PIPE, stdout=nothing, stderr=nothing
                )
            except OSError:
                return  # a run's own worker will tell why no process can start
            self._environment = environment

    def _end(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            if self._process.stdin:
                self._process.stdin.close()
        self._process = None


STANDBY = Standby()
