"""The run of a script that is not ours: what it logs, kept in memory for half a second and then in the run's folder."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from collections import Counter
from typing import Any

from core.log.record import Record
from core.log.values import flatten, name_kind, to_configuration, to_dict, to_number
from core.runs.records import ForeignState
from core.system.errors import LabError
from core.system.files import is_storable

FLUSH_SECONDS = 0.5
SLOWEST_FLUSH_SECONDS = 5.0  # of a run of hours, so that its file has few blocks
LARGEST_STEP = 2**63 - 1


class LogError(LabError, ValueError):
    """A script logs what cannot be kept; the message says why."""


class Config(dict[str, Any]):
    """A script's configuration: `config.lr`, `config["lr"]` and `config.update(...)`, kept when it changes."""

    def __init__(self, values: Any = None) -> None:
        super().__init__(to_dict(values))

    def update(self, values: Any = None, allow_val_change: bool | None = None, **more: Any) -> None:  # type: ignore[override]
        """Of a dict, a dataclass or an object such as argparse's. A value may always change."""
        super().update({**to_dict(values), **more})

    def setdefaults(self, values: Any) -> dict[str, Any]:
        super().update({**to_dict(values), **self})
        return dict(self)

    def as_dict(self) -> dict[str, Any]:
        return dict(self)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"The configuration has no {name}.") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


class Summary(dict[str, Any]):
    """Single values of a run: those that a script sets, else the last that it logged."""

    def __init__(self, last: dict[str, float]) -> None:
        super().__init__()
        self.last = last

    def __missing__(self, name: str) -> float:
        return self.last[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self or name in self.last else default


class LogRun:
    """One run; made by `core.log.init`. `record` is None where nothing is to be kept.

    Steps are counted as Trackio counts them: from 0, one up with each call; a step that is given is kept as it is, and
    the next call without one is at least one above.
    """

    def __init__(self, record: Record | None, project: str, name: str, config: Any = None) -> None:
        self._record, self._pid = record, os.getpid()
        self.project, self.name = project, name
        self.id = record.id if record else ""
        self.config = Config(config)
        self.summary = Summary(dict(record.last) if record else {})
        self.step = record.next_step if record else 0
        self.left_out: Counter[str] = Counter()
        self._lock, self._wake = threading.Lock(), threading.Event()
        self._points: dict[str, tuple[list[int], list[float], list[float]]] = {}
        self._told: set[str] = set()
        self.is_over = self._stopped = False
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._write_on, name="log of a run", daemon=True)
        if record:
            os.register_at_fork(after_in_child=record.let_go)
            self._listen()
            self._thread.start()

    def _listen(self) -> None:
        """A script that a shell started in the background ignores Ctrl+C; a stop from the page is to reach it too."""
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._hear)

    def _hear(self, *_: object) -> None:
        if self._stopped:
            raise KeyboardInterrupt

    def log(self, data: dict[str, Any], step: int | None = None, commit: bool | None = None, **_: Any) -> None:
        """Takes numbers by name. With `commit=False` the next call without a step goes on with the same step.

        Raises LogError for what is no dict and for a step that is no whole number.
        """
        if self.is_over:
            raise LogError(f"The run {self.name} is finished: call init() before log().")
        if not hasattr(data, "items"):
            raise LogError(f"log() takes a dict of names and numbers, not {type(data).__name__}.")
        now, numbers = time.time(), self._take_numbers(data)
        with self._lock:
            at = self.step if step is None else _check_step(step)
            self.step = max(self.step, at if commit is False else at + 1)
            for name, number in numbers:
                points = self._points.get(name)
                if points is None:
                    points = self._points[name] = ([], [], [])
                points[0].append(at)
                points[1].append(number)
                points[2].append(now)
                self.summary.last[name] = number

    def _take_numbers(self, data: dict[str, Any]) -> list[tuple[str, float]]:
        if self._record and os.getpid() != self._pid:
            self._tell("This process was forked from the one that called init(): call init() here too, or log there.")
            return []
        numbers = []
        for name, value in flatten(data):
            number = to_number(value)
            if number is not None and is_storable(name):
                numbers.append((name, number))
                continue
            kind = name_kind(value)
            self.left_out[kind] += 1
            self._tell(f"{name[:80]!r} is left out: only numbers are kept ({kind}).")
        return numbers

    def finish(self, exit_code: int | None = None, **_: Any) -> None:
        """Writes what is left and the run's end: failed with an exit code that is not 0. A second call does nothing."""
        if exit_code:
            self._end("failed", f"The script said that it failed (exit code {exit_code}).")
        else:
            self._end("finished", "")

    def end_by(self, error: BaseException | None) -> None:
        """The end by an exception, or by the script's."""
        if error is None or (isinstance(error, SystemExit) and not error.code):
            self._end("finished", "")
        elif isinstance(error, SystemExit):
            self._end("failed", f"The script ended with exit status {str(error.code)[:200]}.")
        elif isinstance(error, KeyboardInterrupt):
            self._end("stopped", "Stopped on request." if self._stopped else "The script was interrupted.")
        else:
            self._end("failed", f"{type(error).__name__}: {str(error)[:500]}".rstrip(": ") + ".")

    def __enter__(self) -> LogRun:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.end_by(error)

    def _end(self, state: ForeignState, reason: str) -> None:
        if self.is_over or os.getpid() != self._pid:
            return
        self.is_over = True
        if self._record is None:
            return
        self._wake.set()
        self._thread.join()
        try:
            self._record.end(state, reason)
        except OSError as error:
            self._tell(f"What was logged last could not be written: {error.strerror or error}.")

    # The thread that writes ---------------------------------------------------------------------------------------

    def _write_on(self) -> None:
        record = self._record
        assert record
        while not self.is_over:
            longest = (time.monotonic() - self._began) / 1000
            self._wake.wait(min(max(FLUSH_SECONDS, longest), SLOWEST_FLUSH_SECONDS))
            self._flush(record)
            if not self._stopped and record.is_stop_asked():
                self._stopped = True
                _interrupt()
        self._flush(record)

    def _flush(self, record: Record) -> None:
        with self._lock:
            points, self._points = self._points, {}
            summary = [(name, to_number(value)) for name, value in flatten(dict(self.summary))]
            configuration, left_out = to_configuration(dict(self.config)), dict(self.left_out)
        results = {name: number for name, number in summary if number is not None}
        try:
            record.write(points, configuration, results, left_out)
        except OSError as error:
            self._tell(f"What was logged cannot be written yet: {error.strerror or error}.")

    def _tell(self, sentence: str) -> None:
        if sentence not in self._told:
            self._told.add(sentence)
            print(f"ResNet Lab: {sentence}", file=sys.stderr)


def _interrupt() -> None:
    """As Ctrl+C does, also where the main thread waits for something."""
    main = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main:
        signal.pthread_kill(main, signal.SIGINT)
    else:
        _thread.interrupt_main()


def _check_step(step: Any) -> int:
    number = to_number(step)
    if number is None or not number.is_integer() or abs(number) > LARGEST_STEP:
        raise LogError(f"step must be a whole number, not {str(step)[:80]}.")
    return int(step)
