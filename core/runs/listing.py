"""All runs at a glance: ended runs are read once, live ones every time.

What was read of ended runs is also kept in `runs/.summaries.json`, so that a server that has just started need not
open ten thousand folders. It is only a copy: each entry counts as long as its folder has not changed, and a file that
is damaged or gone is made again.

Whatever the lab changes of an ended run changes its folder's time. Files that somebody else wrote over in place are
looked at as well, of so many runs at each look.
"""

from __future__ import annotations

import math
import operator
import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from core.runs import layout, metrics
from core.runs.folder import Run, summarize
from core.runs.records import ENDS, RunNotFoundError, RunSummary
from core.system import files
from core.system.child import Child
from core.system.folders import ID_PATTERN, runs_folder
from core.system.locks import RunsFolderError

COPY = ".summaries.json"
FIELDS = [field.name for field in fields(RunSummary)]
WORTH_KEEPING = 200  # newly read runs
CHECKED = 200  # runs whose files are looked at each time, others the next second
FILES = (layout.SPEC, layout.FOREIGN, layout.ABOUT, layout.ENVIRONMENT, layout.METRICS, layout.END)
REST_SECONDS = 0.002  # after each hundred runs, so that a page drawn meanwhile is hardly slowed


@dataclass(frozen=True)
class Listing:
    """Runs, the newest first, and how many more have not been read yet.

    The list is the same object as long as nothing in it has changed; do not change it.
    """

    runs: list[RunSummary]
    unread: int = 0


class _Known(NamedTuple):
    """What was read of a run, when its folder last changed, in ns, and a sum that changes with its files."""

    changed_ns: int
    files_sum: int
    summary: RunSummary


_SUMMARY = TypeAdapter(RunSummary)
_known: dict[str, _Known] = {}
_loaded: set[str] = set()
_lists: dict[Path, list[RunSummary]] = {}  # the last one of a folder
_seen: set[str] = set()  # runs that are read every time, and were at least once


def list_runs() -> list[RunSummary]:
    """Every run of the runs folder, the newest first; a damaged one with its reason, and no harm to the others.

    Raises RunsFolderError where the folder cannot be read.
    """
    folder = runs_folder()
    return _list(folder, _list_names(folder)).runs


def list_known(seconds: float = 0.3, max_age: float = 0.0) -> Listing:
    """As `list_runs`, for a caller who waits: reads for so long, and leaves the rest to another process.

    With `max_age`, an earlier answer that is no older is returned. Raises RunsFolderError.
    """
    global _last
    folder = runs_folder()
    asked, known, listing = _last
    if known == folder and time.monotonic() - asked < max_age:
        return listing
    # While the other process reads, there is no need to wait.
    listing = _list(folder, _list_names(folder), time.monotonic() + seconds * (not _reading.locked()))
    _last = (time.monotonic(), folder, listing)
    if listing.unread and _reading.acquire(blocking=False):
        threading.Thread(target=_read_all, args=(folder,), name="reader of runs", daemon=True).start()
    return listing


_last: tuple[float, Path, Listing] = (0.0, Path(), Listing([]))
_reading = threading.Lock()


def _read_all(folder: Path) -> None:
    """Has a process read the folder and loads its copy: a thread would slow the pages down."""
    try:
        with Child("reader of runs", lambda: {**os.environ, "RESNET_LAB_RUNS": str(folder)}, nice=5) as child:
            child.ask(f"{__name__}:_read_beside")
        _load(folder, REST_SECONDS)
    finally:
        _reading.release()


def _read_beside() -> None:
    folder = runs_folder()
    # Whoever asked learns of them by the copy alone: it holds them all, however few they are.
    _list(folder, _list_names(folder), keep_all=True)


def _list_names(folder: Path) -> list[str]:
    """Ids of the folder's runs, the newest first."""
    try:
        with os.scandir(folder) as entries:
            # A link is no run of this folder, wherever it leads.
            return sorted(
                (e.name for e in entries if ID_PATTERN.fullmatch(e.name) and not e.is_symlink()), reverse=True
            )
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise RunsFolderError(f"The runs folder {folder} cannot be read: {error.strerror}.") from error


def _list(folder: Path, names: list[str], until: float = math.inf, *, keep_all: bool = False) -> Listing:
    """Summaries of these runs; of those that this process has not seen, only what can be read until then."""
    if str(folder) not in _loaded:
        _loaded.add(str(folder))
        _load(folder)
    found: list[RunSummary] = []
    unread = read = 0
    first = int(time.monotonic()) * CHECKED % max(1, len(names))
    prefix = os.path.join(folder, "")
    for index, name in enumerate(names):
        key, check = prefix + name, (index - first) % len(names) < CHECKED
        known = _known.get(key)
        # Most of ten thousand runs have ended and did not change: one look at the folder of each, and nothing else.
        if known and not check and known.summary.state in ENDS and _changed_ns(key) == known.changed_ns:
            found.append(known.summary)
        elif not known and key not in _seen and time.monotonic() > until:
            unread += 1
        elif summary := _summarize_cached(Path(key), check=check):
            found.append(summary)
            read += not known
            if summary.state not in ENDS:
                _seen.add(key)
    if read >= (1 if keep_all else WORTH_KEEPING):
        _keep(folder)
    if len(_known) > 2 * len(names) + 100:
        for key in set(_known) - {prefix + name for name in names}:
            _known.pop(key, None)
        _seen.clear()
    return Listing(_same_list(folder, found), unread)


def _same_list(folder: Path, found: list[RunSummary]) -> list[RunSummary]:
    """The list of the last look, if it holds the very same: what follows from it need not be worked out again."""
    last = _lists.get(folder, [])
    if len(last) != len(found) or not all(map(operator.is_, last, found)):
        _lists.clear()
        _lists[folder] = last = found
    return last


def _keep(folder: Path) -> None:
    entries = {
        path.name: [known.changed_ns, known.files_sum, vars(known.summary)]
        for key, known in list(_known.items())
        if (path := Path(key)).parent == folder and known.summary.state in ENDS
    }
    # Only a copy: a full disk must not keep the list from being shown.
    with suppress(OSError):
        files.write_json(folder / COPY, {"fields": FIELDS, "runs": entries}, sync=False)


def _load(folder: Path, rest: float = 0.0) -> None:
    """Takes over the copy; `rest` seconds after each hundred entries that are new."""
    with suppress(files.DamagedFileError, KeyError, TypeError, ValueError, AttributeError):
        copy = files.find_json(folder / COPY) or {"fields": []}
        # Written by another version: other fields.
        if copy["fields"] != FIELDS:
            return
        prefix = os.path.join(folder, "")
        new = ((prefix + name, entry) for name, entry in copy["runs"].items() if prefix + name not in _known)
        for number, (key, (changed_ns, files_sum, values)) in enumerate(new, 1):
            with suppress(ValidationError):
                _known.setdefault(key, _Known(int(changed_ns), int(files_sum), _SUMMARY.validate_python(values)))
            if rest and number % 100 == 0:
                time.sleep(rest)


def _summarize_cached(path: Path, *, check: bool) -> RunSummary | None:
    """None if there is no such run any more; with `check` its files are looked at too, not only its folder."""
    key = str(path)
    changed_ns = _changed_ns(key)
    if changed_ns is None:
        return None
    known = _known.get(key)
    if known and known.changed_ns == changed_ns and _still_holds(path, known.summary):
        if not check or known.files_sum == _stamp_files(key)[1]:
            return known.summary
        metrics.forget(path / layout.METRICS)
    read_ns = time.time_ns()
    newest_ns, files_sum = _stamp_files(key)
    try:
        summary = summarize(Run(path))
        if not path.is_dir():
            return None  # deleted while it was read
    except RunNotFoundError:
        return None
    except OSError as error:
        return RunSummary(id=path.name, name=path.name, state="damaged", reason=f"cannot be read: {error.strerror}")
    settled = abs(read_ns - max(changed_ns, newest_ns)) > metrics.SETTLED_NS
    if summary.state not in ("running", "damaged") and settled:
        _known[key] = _Known(changed_ns, files_sum, summary)
        if summary.state in ENDS:
            # Its curves are read again if it is opened.
            metrics.forget(path / layout.METRICS)
    return summary


def _changed_ns(folder: str) -> int | None:
    """When the folder last changed; None if there is none."""
    try:
        return os.stat(folder).st_mtime_ns
    except FileNotFoundError:
        return None


def _stamp_files(folder: str) -> tuple[int, int]:
    """When one of the files of a summary last changed, in ns, and a sum that changes if any of them does."""
    newest_ns = files_sum = 0
    for name in FILES:
        with suppress(OSError):
            found = os.stat(os.path.join(folder, name))
            newest_ns = max(newest_ns, found.st_mtime_ns)
            files_sum += found.st_mtime_ns + found.st_size
    return newest_ns, files_sum


def _still_holds(path: Path, summary: RunSummary) -> bool:
    """Whether a summary is still true: after a run's end, whatever the lab changes changes its folder's time."""
    return summary.state in ENDS or Run(path).read_state() == summary.state
