"""How often live pages renew themselves: as they like while few are open, more slowly when together they ask too much.

All pages are run by one process, whose Python runs on one core. What a page's tick costs is measured as it runs, and
how much the process takes beside the ticks' own code, to begin and end them and to send what they say; when all open
pages together would take more than half of that core, each waits twice as long between its ticks, or four or eight
times, so that those who click are answered at once.

A page that says what it watches is also renewed at once when that changes (`server.changes`), and renews itself half as
often. Changes come as soon as leaves all open pages their share; while pages wait longer, changes do so too, and both
together are no more than the page would have had.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import ParamSpec

import streamlit as st

from core.runs.metrics import stamp_epochs
from pages.parts.frame.assets import load
from pages.parts.frame.status import is_behind
from pages.parts.frame.style import serve_at
from server.changes import COMPONENT, Thing, Watch, register

P = ParamSpec("P")
SHARE = 0.5  # of a core
FACTORS = (1, 2, 4, 8)
# A factor that has become too slow is kept until there is room to spare, so that pages do not go to and fro.
ROOM = 0.7
GONE_SECONDS = 2.5  # longer than its interval, and a page that has not ticked is closed
WINDOW_SECONDS = 2.0
MAX_OVERHEAD = 4.0  # what those who click make the server do must not slow a single page
WATCHED = 2  # so many times longer a page waits that is told of changes
LEAST_GAP = 0.1  # seconds between two changes; what is quicker is not seen one by one

_changes = load("changes", __file__, "changed")


@dataclass
class _Page:
    """An open page: when it last ticked, how often it would like to, and what a tick takes of a core."""

    ticked: float
    wanted: float
    seconds: float
    interval: float


@dataclass
class _Overhead:
    """How many times the ticks' own time the process takes, by its processor time over the last windows."""

    factor: float = 2.0  # before anything is measured: a live run's tick is about half its page's own code
    began: float = 0.0
    processed: float = 0.0
    ticked: float = 0.0

    def add(self, seconds: float) -> None:
        """One more tick, by its own processor time."""
        now, processed = time.monotonic(), time.process_time()
        self.ticked += seconds
        if now - self.began < WINDOW_SECONDS:
            return
        if now - self.began < 2 * WINDOW_SECONDS and self.ticked > 0:
            factor = (processed - self.processed) / self.ticked
            self.factor = (self.factor + min(max(factor, 1.0), MAX_OVERHEAD)) / 2
        self.began, self.processed, self.ticked = now, processed, 0.0


_WATCH = "pace.watch"
_open: dict[int, _Page] = {}
_overhead = _Overhead()
_numbers = count()


def live_fragment(show: Callable[P, None], wanted: float | None, watched: Sequence[Path] = ()) -> Callable[P, None]:
    """`st.fragment` of a page that would like to renew itself every `wanted` seconds; never, where that is None.

    `watched` are the folders of runs whose epochs and end it shows at once.
    """
    if wanted is None:
        return st.fragment(show)
    interval = choose_interval(wanted)

    @functools.wraps(show)
    def tick(*args: P.args, **kwargs: P.kwargs) -> None:
        with _measured(wanted, interval):
            if watched:
                _watch(wanted, interval, watched)
            show(*args, **kwargs)
        # Only the whole page can renew its header, or give its fragment another interval.
        if is_behind() or choose_interval(wanted, interval) != interval:
            st.rerun()

    return st.fragment(tick, run_every=interval * (WATCHED if watched else 1))


def _watch(wanted: float, interval: float, folders: Sequence[Path]) -> None:
    """Has the browser ask again as soon as one of the runs has an epoch more or ends."""
    thing = Thing(tuple(folders), lambda: [stamp_epochs(folder) for folder in folders])
    watch: Watch = st.session_state.setdefault(_WATCH, Watch(thing))
    watch.thing, watch.gap = thing, lambda: choose_gap(wanted, interval)
    _changes(key=COMPONENT, data={"address": serve_at(register(watch))})


def choose_gap(wanted: float, interval: float) -> float:
    """Seconds between two renewals because of changes, of a page that has that interval.

    As long as all pages tick as often as they like, changes may come sooner than that: as soon as leaves what all open
    pages take, did each have a change at every gap, within the share that is theirs.
    """
    if interval != wanted:
        return interval * WATCHED
    return min(wanted, max(LEAST_GAP, wanted * _load() / SHARE))


def choose_interval(wanted: float, now: float | None = None) -> float:
    """Seconds between two ticks of a page that would like to tick every `wanted`; `now` is what it has."""
    load = _load()
    if now and now > wanted and load * wanted / now * 2 > ROOM * SHARE:
        # Half of it would leave little room.
        load = max(load, now / wanted * SHARE)
    return wanted * next((factor for factor in FACTORS if load <= factor * SHARE), FACTORS[-1])


def _load() -> float:
    """The share of a core that all open pages would take, did each tick as often as it likes."""
    now = time.monotonic()
    for number, page in list(_open.items()):
        if now - page.ticked > GONE_SECONDS + 2 * page.interval:
            _open.pop(number, None)
    return _overhead.factor * sum(page.seconds / page.wanted for page in list(_open.values()))


@contextmanager
def _measured(wanted: float, interval: float) -> Iterator[None]:
    """Around what a page's tick does; also where it ends by a rerun."""
    number = st.session_state.setdefault("pace", next(_numbers))
    began = time.thread_time()
    try:
        yield
    finally:
        seconds = time.thread_time() - began
        _overhead.add(seconds)
        known = _open.get(number)
        if known and known.wanted == wanted:
            seconds = 0.8 * known.seconds + 0.2 * seconds
        _open[number] = _Page(time.monotonic(), wanted, seconds, interval)
