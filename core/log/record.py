"""The folder of a run that a script logs: its series grow by blocks, its rows and its record are written anew."""

from __future__ import annotations

import math
import os
import platform
import time
from array import array
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from core.imports.figures import guess_choice, map_run, read_rules
from core.imports.keep import make_record
from core.imports.values import ForeignRun
from core.notify.announce import announce_end, announce_figures
from core.runs import layout, presence
from core.runs.foreign import make_rows
from core.runs.records import ENDS, About, Environment, ForeignRecord, ForeignState, Scalar
from core.runs.series import MAX_BYTES, MAX_NAME_BYTES, MAX_NAMES, Series, measure_whole, read_series, to_block
from core.runs.store import open_run, publish_foreign
from core.system import files, processes
from core.system.folders import runs_folder
from core.system.locks import FileLock, RunsFolderError

if TYPE_CHECKING:
    from core.runs.folder import Run

REST = 20  # writing rows anew takes at most one part in so many of the time
_Points = tuple[list[int], list[float], list[float]]  # steps, values, times
# Configuration, single values, what was left out, and how many points there are.
_State = tuple[Mapping[str, Scalar], Mapping[str, float], Mapping[str, int], int]


class Record:
    """The one writer of a run's files, from `create` or `resume` to `end`."""

    def __init__(self, run: Run, about: ForeignRun) -> None:
        """Takes the run's lock. Raises RunsFolderError if another process has it."""
        self.run, self.folder, self.id = run, run.path, run.id
        self.about = about
        self.last: dict[str, float] = {}
        self.next_step = 0
        self._lock = FileLock(self.folder / layout.LOCK)
        # Readers of the run's state share the lock for a moment, hence the two seconds.
        if not self._lock.acquire(2):
            raise RunsFolderError(f"Another process is logging the run {about.name}.")
        self._names: set[str] = set()
        self._curves: dict[str, tuple[array[int], array[float], array[float]]] = {}
        self._points = self._size = 0
        self._backlog = bytearray()
        self._rules = read_rules()
        self._left_out: dict[str, int] = {}
        self._state: _State = (about.configuration, {}, {}, 0)
        self._written: _State | None = None
        self._due = self._next_sign = 0.0
        self._announced = -math.inf  # up to which step
        self._take_over()

    def _take_over(self) -> None:
        who = {
            "process": processes.identify(os.getpid()),
            "folder": self.folder.stat().st_ino,
            "oom_kills": processes.count_oom_kills(),
        }
        files.write_json(self.folder / layout.WORKER, who)
        for name in (layout.LAUNCHED, layout.STOP, layout.END, layout.CRASH):
            (self.folder / name).unlink(missing_ok=True)
        found = read_series(self.folder / layout.SERIES)
        # What a killed process left half written would hide all that comes after it.
        self._size = measure_whole(self.folder / layout.SERIES)
        for name, series in found.series.items():
            self._note(name, series)

    @classmethod
    def create(cls, about: ForeignRun) -> Record:
        """A new run. Raises RunsFolderError."""
        start = About(name=about.name, tags=about.tags, note=about.note)
        run_id = publish_foreign(make_record(about, {}), start, {}, environment=describe_process())
        return cls(open_run(run_id), about)

    @classmethod
    def resume(cls, run: Run, about: ForeignRun) -> Record:
        """A run that an earlier process logged. Raises RunsFolderError."""
        before: ForeignRecord = run.foreign() or {}
        configuration = {**before.get("configuration", {}), **about.configuration}
        started = before.get("started") or about.started
        record = cls(run, ForeignRun("script", about.key, run.about.name, {}, {}, configuration, started=started))
        record._left_out = dict(before.get("left_out", {}))
        files.set_aside(run.path / layout.ENVIRONMENT)
        files.write_json(run.path / layout.ENVIRONMENT, dict(describe_process()))
        return record

    def let_go(self) -> None:
        """In a forked process: the lock is the parent's, and must not outlive it here."""
        self._lock.release()

    def is_stop_asked(self) -> bool:
        return (self.folder / layout.STOP).exists()

    def write(
        self,
        points: Mapping[str, _Points],
        configuration: Mapping[str, Scalar],
        results: Mapping[str, float],
        left_out: Mapping[str, int],
    ) -> None:
        """Keeps more points, and now and then what follows from all. Raises OSError; the points are tried again."""
        self._state = (configuration, results, left_out, self._points + sum(len(one[0]) for one in points.values()))
        for name, (steps, values, times) in points.items():
            self._add(name, Series(np.array(steps, np.int64), np.array(values, float), np.array(times, float)))
        self._append()
        now = time.monotonic()
        if now >= self._next_sign:
            presence.beat(self.folder)
            self._next_sign = now + presence.BEAT_SECONDS
        if now >= self._due and self._state != self._written:
            _, rows = self._describe()
            self._announce(rows)
            self._written = self._state
            self._due = time.monotonic() + REST * (time.monotonic() - now)

    def end(self, state: ForeignState, reason: str) -> None:
        """The last word. Raises OSError where the disk does not take it: then the run shows as interrupted."""
        try:
            self._append()
            record, rows = self._describe(state)
            end = {"state": state, "reason": reason, "kind": "logged", "epoch": len(rows), "ended": time.time()}
            files.write_json(self.folder / layout.END, {**end, "metrics": record.get("metrics", {})})
        finally:
            presence.rest(self.folder)
            self._lock.release()
        self._announce(rows)
        announce_end(self.folder)

    def _announce(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Tells of figures that were named and are beaten, in the rows that are new."""
        for row in rows:
            if row["step"] > self._announced:
                self._announced = row["step"]
                announce_figures(self.folder, row)

    def _add(self, name: str, series: Series) -> None:
        is_new = name not in self._names
        if is_new and (len(self._names) == MAX_NAMES or not 1 <= len(name.encode()) <= MAX_NAME_BYTES):
            self._count(f"points of names beyond {MAX_NAMES:,} or {MAX_NAME_BYTES:,} bytes", len(series))
            return
        block = to_block(name, series)
        if self._size + len(self._backlog) + len(block) > MAX_BYTES:
            self._count(f"points beyond {MAX_BYTES // 10**9} GB", len(series))
            return
        self._backlog += block
        self._note(name, series)

    def _count(self, what: str, count: int) -> None:
        self._left_out[what] = self._left_out.get(what, 0) + count

    def _note(self, name: str, series: Series) -> None:
        """Of figures that charts draw the points stay in memory, 24 bytes each."""
        if not len(series):
            return
        if name not in self._names:
            self._names.add(name)
            alone = ForeignRun("script", "", "", {name: series})
            if any(guess_choice([alone], self._rules).values()):
                self._curves[name] = array("q"), array("d"), array("d")
        self._points += len(series)
        self.last[name] = float(series.values[-1])
        self.next_step = max(self.next_step, int(series.steps.max()) + 1)
        if curve := self._curves.get(name):
            curve[0].frombytes(series.steps.tobytes())
            curve[1].frombytes(series.values.tobytes())
            curve[2].frombytes(series.times.tobytes())

    def _append(self) -> None:
        if not self._backlog:
            return
        fd = os.open(self.folder / layout.SERIES, os.O_WRONLY)
        try:
            # Where a full disk took a part of it, the next try writes over that.
            written = os.pwrite(fd, self._backlog, self._size)
            if written != len(self._backlog):
                raise OSError(28, os.strerror(28))
        except OSError:
            os.ftruncate(fd, self._size)
            raise
        finally:
            os.close(fd)
        self._size += len(self._backlog)
        self._backlog.clear()

    def _describe(self, state: ForeignState = "interrupted") -> tuple[ForeignRecord, list[dict[str, Any]]]:
        """Writes rows and record; returns both."""
        configuration, results, left_out, points = self._state
        series = {name: Series(*(np.array(one) for one in curve)) for name, curve in self._curves.items()}
        run = ForeignRun(
            "script",
            self.about.key,
            self.about.name,
            series,
            dict(results),
            dict(configuration),
            state=state,
            started=self.about.started,
            left_out={**self._left_out, **left_out},
        )
        mapping = map_run(run, guess_choice([run], self._rules))
        rows = make_rows(series, mapping, run.started)
        record = make_record(run, mapping)
        record["points"] = points
        files.write_bytes(self.folder / layout.METRICS, b"".join(map(files.to_line, rows)), sync=state in ENDS)
        files.write_json(self.folder / layout.FOREIGN, dict(record), sync=state in ENDS)
        return record, rows


def find_run(key: str) -> Run | None:
    """The newest run that a script logged under this key."""
    for path in sorted(runs_folder().glob(f"*/{layout.FOREIGN}"), reverse=True):
        record = files.find_note(path) or {}
        if record.get("format") == "script" and record.get("key") == key:
            return open_run(path.parent.name)
    return None


def describe_process() -> Environment:
    return {
        "started": time.time(),
        "pid": os.getpid(),
        "hostname": processes.host_name(),
        "platform": platform.platform(),
        "python": platform.python_version(),
    }
