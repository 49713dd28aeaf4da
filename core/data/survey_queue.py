"""Surveys as pages ask for them: one at a time in a process of their own, which tells how far it is."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from core.data.cache import count_decoded
from core.data.store import work_folder
from core.spec import DataSpec
from core.system.child import Child
from core.system.files import find_note, write_json

_REPORT_SECONDS = 0.2
_MOST_ANSWERS = 16

Report = Callable[[str, int, int], None]


class Progress(NamedTuple):
    """What is being done, and how far it is in images."""

    stage: str
    done: int
    total: int


class Reporter:
    """Writes how far a survey is to a file that pages read, a few times a second."""

    def __init__(self, spec: DataSpec) -> None:
        self._file, self._last = _progress_file(spec), 0.0
        self._stage = ""

    def __enter__(self) -> Report:
        return self._report

    def __exit__(self, *_: object) -> None:
        self._file.unlink(missing_ok=True)

    def _report(self, stage: str, done: int, total: int) -> None:
        if stage == self._stage and time.monotonic() - self._last < _REPORT_SECONDS:
            return
        self._stage, self._last = stage, time.monotonic()
        with suppress(OSError):
            write_json(self._file, {"stage": stage, "done": done, "total": total}, sync=False)


def read_progress(spec: DataSpec) -> Progress | None:
    """How far the survey of a set is; None where none is under way or nothing is known of it yet."""
    note = find_note(_progress_file(spec))
    if note is None:
        return None
    stage, _, key = str(note["stage"]).partition(":")
    if not key:
        return Progress(stage, note["done"], note["total"])
    return Progress("Decoding the images", min(count_decoded(key), note["total"]), note["total"])


def _progress_file(spec: DataSpec) -> Path:
    key = hashlib.sha256(json.dumps(_identify(spec)).encode()).hexdigest()[:16]
    return work_folder() / f"survey-{key}.json"


def _identify(spec: DataSpec) -> list[str]:
    """What a survey depends on, as long as the files stay the same."""
    return [spec.dataset, os.fsencode(spec.folder).hex() if spec.has_path else "", spec.folder_parts, spec.ground]


class Surveys:
    """The surveys of this process, one at a time in a process of their own; pages poll them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue = ThreadPoolExecutor(1, thread_name_prefix="surveys")
        self._asked: dict[str, Future[None]] = {}

    def ask(self, spec: DataSpec) -> Future[None]:
        """The survey of a set, under way or over; asked for once until it is forgotten."""
        key = json.dumps(_identify(spec))
        with self._lock:
            if key not in self._asked:
                for old in list(self._asked)[: 1 - _MOST_ANSWERS]:
                    del self._asked[old]
                self._asked[key] = self._queue.submit(_ask, spec)
            return self._asked[key]

    def forget(self, spec: DataSpec) -> None:
        with self._lock:
            self._asked.pop(json.dumps(_identify(spec)), None)


def _ask(spec: DataSpec) -> None:
    with Child("looking process", nice=5) as child:  # a training goes first
        child.ask("core.data.survey:make_survey", spec=spec)


SURVEYS = Surveys()
