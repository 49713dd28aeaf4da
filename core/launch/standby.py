"""A standby worker: torch is loaded, so the next run starts as soon as its images are read.

The page server keeps one while a page is open and memory is ample, and loads the next when a run has ended; everyone
else starts plain workers, which take seconds to import. When the server ends, the worker's standard input closes and it
ends too. It is no `Child`: it gets one message, its run, and then becomes that run's worker, whose output is the run's
log.
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
from core.system.memory import available_memory

COMMAND = ["core.worker", "--standby"]
# The page that asks for it is drawn first, as both need the processor.
SETTLE_SECONDS = 2.0
# A starting run needs it too, so the next standby worker must not load at the same time.
REST_SECONDS = 10.0
# Without an open page, before its memory is given back.
IDLE_SECONDS = 600.0
# It takes 0.6 GiB; begun with twice what keeps it, so that it does not come and go.
BYTES_TO_START = 2 << 30
BYTES_TO_STAY = 1 << 30


class Standby:
    """The standby worker of this process; nothing happens before `enable`."""

    def __init__(self) -> None:
        self.enabled = False
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._environment: Mapping[str, str] = {}
        self._rests_until, self._rests_for = 0.0, ""
        self._used, self._is_owed = time.monotonic(), False

    def enable(self) -> None:
        """For a long-lived process that starts many runs."""
        self.enabled = True

    def disable(self) -> None:
        """Ends the waiting worker and keeps none from now on."""
        with self._lock:
            self.enabled = False
            self._put_off()
            self._end()

    def prepare(self, environment: Mapping[str, str], delay: float = SETTLE_SECONDS) -> None:
        """Starts one after `delay` seconds, unless there is one or it is on its way."""
        with self._lock:
            if not self._may_start(environment) or (self._timer and self._timer.is_alive()):
                return
            wait = max(delay, self._rests_until - time.monotonic())
            self._timer = threading.Timer(wait, self._start, (environment,))
            self._timer.daemon = True
            self._timer.start()

    def take(self, run_id: str, log_path: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes] | None:
        """Hands the run to the waiting worker; None if there is none for this environment, or it has just ended."""
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

    def review(self, *, in_use: bool) -> bool:
        """Gives the worker's memory back where nobody has had a page open for long, or where memory is short.

        To be called every few seconds. True if somebody is here and one that was asked for or given back is missing.
        """
        with self._lock:
            if in_use:
                self._used = time.monotonic()
            if self._is_idle() or (self._process and available_memory() < BYTES_TO_STAY):
                self._is_owed |= self._process is not None
                self._put_off()
                self._end()
            return in_use and self._is_owed

    def rest(self, run_id: str) -> None:
        """Starts none for a while: this run starts with a plain worker."""
        with self._lock:
            self._rest(run_id)

    def wake(self, run_id: str) -> None:
        """Ends the rest that this run's start began; one that another start began goes on."""
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

    def _is_idle(self) -> bool:
        return time.monotonic() - self._used > IDLE_SECONDS

    def _may_start(self, environment: Mapping[str, str]) -> bool:
        if not self.enabled or self._is_there(environment):
            return False
        self._is_owed = self._is_idle() or available_memory() < BYTES_TO_START
        return not self._is_owed

    def _is_there(self, environment: Mapping[str, str]) -> bool:
        if self._process is None:
            return False
        if self._process.poll() is None and self._environment == environment:
            return True
        self._end()
        return False

    def _start(self, environment: Mapping[str, str]) -> None:
        with self._lock:
            if not self._may_start(environment):
                return
            try:
                nothing = subprocess.DEVNULL
                self._process = spawn(
                    COMMAND, environment, cwd=PROJECT, stdin=subprocess.PIPE, stdout=nothing, stderr=nothing
                )
            except OSError:
                return  # starting a plain worker will say why
            self._environment = environment

    def _end(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            if self._process.stdin:
                self._process.stdin.close()
        self._process = None


STANDBY = Standby()
