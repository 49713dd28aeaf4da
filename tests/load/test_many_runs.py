"""Ten thousand runs in the list, a hundred thousand epochs in one, a page that stays open for hours."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.made_runs import make_row, make_runs
from benchmarks.page_client import PageClient
from core.runs.folder import Run
from core.runs.store import open_run
from core.system import files
from tests.lab_server import ROOT, LabServer
from tests.load.live_runs import make_live_run, writing
from tests.load.sessions import Crowd, Session, run_apart
from tests.load.test_watchers import lab, memory_of

__all__ = ["lab"]
pytestmark = pytest.mark.slow
LIST_LIMIT, PAINT_LIMIT = 1.0, 2.0  # seconds
BUSY = 20.0  # the short forms run beside other tests


def open_in(lab: LabServer, page: str, query: str = "") -> float:
    """Seconds until a fresh session has a page whole."""
    with PageClient(lab.url) as client:
        return client.rerun(page, query)[0]


def list_in_new_process(count: int) -> float:
    """Seconds that a server which has just started takes for its first list."""
    code = (
        "import time; from core.runs.listing import list_known; began = time.perf_counter(); listing = list_known();"
        "print(time.perf_counter() - began, len(listing.runs), listing.unread)"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    seconds, listed, unread = told.split()
    assert (int(listed), int(unread)) == (count, 0)
    return float(seconds)


def copy_runs(run: Run, count: int) -> None:
    """So many finished runs in all that differ in their ids."""
    pattern, runs = run.path, run.path.parent
    for number in range(count - 1):
        minutes, milliseconds = divmod(number, 1000)
        shutil.copytree(pattern, runs / f"20250101-{minutes:06d}-{milliseconds:03d}-abcdef")
    long_ago = time.time() - 3600
    for folder in runs.iterdir():
        if not folder.name.startswith("."):
            os.utime(folder, (long_ago, long_ago))


@pytest.mark.promise(
    15,
    "Ten thousand runs are listed within a second, by a server that has just started as well.",
    how="10,000 run folders that no server has read: the first answer, then once all are read, the slowest of "
    "five openings of the list by fresh sessions, and a process that has just started",
    control="reading every folder, as the first look must, takes longer than that",
)
def test_ten_thousand_runs_are_listed_within_a_second(
    lab: LabServer, lab_folders: Path, full: bool, record_figure: Callable[[str], None]
) -> None:
    count = 10_000 if full else 500
    pattern = open_run(make_runs(1)[0])
    open_in(lab, "runs")  # what a first page loads has nothing to do with the number of runs
    copy_runs(pattern, count)
    first = open_in(lab, "runs")
    reading = wait_until_all_are_listed(lab, lab_folders, count)
    warm = max(open_in(lab, "runs") for _ in range(5))
    anew = list_in_new_process(count)
    assert max(first, warm, anew) < (LIST_LIMIT if full else BUSY), (first, warm, anew)
    assert first + reading > LIST_LIMIT or not full  # control
    record_figure(
        f"{count:,} runs: first answer {first:.2f} s (all read {reading:.1f} s later), then {warm:.2f} s; by a new "
        f"process {anew:.2f} s"
    )


def wait_until_all_are_listed(lab: LabServer, lab_folders: Path, count: int, seconds: float = 120) -> float:
    """Seconds until the copy of what was read holds all runs."""
    from core.runs.listing import COPY

    began = time.perf_counter()
    while len((files.find_json(lab_folders / "runs" / COPY) or {"runs": {}})["runs"]) < count - 1:
        assert time.perf_counter() - began < seconds
        time.sleep(0.1)
        open_in(lab, "runs")
    return time.perf_counter() - began


def make_long_run(epochs: int) -> str:
    run_id = make_runs(1)[0]
    draw = random.Random(0)
    with open(open_run(run_id).path / "metrics.jsonl", "wb") as file:
        for epoch in range(1, epochs + 1):
            file.write(files.to_line(make_row(epoch, epochs, draw)))
    return run_id


@pytest.mark.promise(
    15,
    "A run with 100,000 lines of metrics is painted within 2 s.",
    how="the first opening of its page by a fresh session, the server having shown another run before: from the "
    "request to the last of the page's messages",
    control="its metrics are over ten times what the page sends: unthinned, it would be megabytes",
)
def test_a_run_of_a_hundred_thousand_epochs_is_painted_within_two_seconds(
    lab: LabServer, full: bool, record_figure: Callable[[str], None]
) -> None:
    epochs = 100_000 if full else 20_000
    short, long = make_long_run(20), make_long_run(epochs)
    open_in(lab, "run", f"id={short}")
    with PageClient(lab.url) as client:
        first, sent = client.rerun("run", f"id={long}")
        again, _ = client.rerun("run", f"id={long}")
    assert first < (PAINT_LIMIT if full else BUSY)
    size = (open_run(long).path / "metrics.jsonl").stat().st_size
    assert size > 10 * sent  # control
    record_figure(
        f"{epochs:,} lines, {size / 1e6:.0f} MB: {first:.2f} s, {sent / 1e6:.2f} MB sent; again {again:.2f} s"
    )


async def tick_on(lab: LabServer, run_id: str, ticks: int) -> tuple[float, float, float]:
    """The server's memory after a fifth of the ticks, after all, and, the control, with twenty more pages open."""
    async with Crowd(lab, [("run", f"id={run_id}")]) as crowd:
        session = crowd.sessions[0]
        after_a_fifth = 0.0
        for tick in range(ticks):
            await tick_now(session)
            if tick == ticks // 5:
                after_a_fifth = memory_of(lab)
        crowd.check()
        after_all = memory_of(lab)
        async with Crowd(lab, [("run", f"id={run_id}")] * 20):
            return after_a_fifth, after_all, memory_of(lab)


async def tick_now(session: Session) -> None:
    """The page's own timer runs out, without the wait."""
    fragment = min(session.timers.values(), key=lambda timer: timer.interval).fragment
    before = len(session.timings.ticks)
    await session.ask(fragment)
    async with asyncio.timeout(60):
        while len(session.timings.ticks) == before:
            await asyncio.sleep(0.001)


@pytest.mark.promise(
    15,
    "A page that is left open for hours does not grow.",
    how="28,800 reruns of a live run's page by one session, as many as in four hours, one after the other; the "
    "server's memory after a fifth of them and after all: at most 10 % more",
    control="twenty more open pages are seen in the same figure",
)
def test_a_page_left_open_for_hours_does_not_grow(
    lab: LabServer, full: bool, record_figure: Callable[[str], None]
) -> None:
    ticks = 28_800 if full else 200
    run_id = make_live_run(0)
    with writing([run_id]):
        before, after, control = run_apart(tick_on(lab, run_id, ticks))
    assert after < 1.1 * before
    assert control > after
    record_figure(
        f"{ticks:,} reruns: {before:.0f} to {after:.0f} MB ({after / before - 1:+.1%}); "
        f"control: {control - after:+.0f} MB"
    )
