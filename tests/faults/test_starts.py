"""Many start at once, and many wait: one click is one run, one slot is one run, and nobody waits for the dead."""

from __future__ import annotations

import json
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from core.launch import launcher
from core.launch.launcher import start_run
from core.machine import queue
from core.runs.listing import list_runs
from core.runs.store import open_run
from tests.core.workers import start_worker, tiny_spec, wait_for
from tests.faults import breakage

CLICKS = 50


def _start(keys: list[str]) -> list[tuple[str, str]]:
    return [(key, start_run(tiny_spec(), click_key=key)) for key in keys]


def start_from_processes(starts: int, processes: int, keep: Callable[[str], str] = str) -> list[tuple[str, str]]:
    """So many starts, of 50 clicks, spread over processes; the key and the id of each."""
    keys = [keep(f"click {number % CLICKS}") for number in range(starts)]
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        shares = [keys[process::processes] for process in range(processes)]
        return [pair for pairs in pool.map(_start, shares, chunksize=1) for pair in pairs]


@pytest.fixture
def counted_starts(runs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing trains, but each start leaves a line, whichever process it is in."""
    lines = runs / "starts"

    def start(run: object) -> int:
        with open(lines, "a") as file:
            file.write(f"{run.id}\n")  # type: ignore[attr-defined]
        return 2**22 + 1  # no process has this id

    monkeypatch.setattr(launcher, "_start_process", start)
    return lines


@pytest.mark.promise(
    12,
    "However often a click arrives, and by however many processes, it is one run, started once.",
    how="200 starts by 20 processes with 50 click keys, each key four times",
    control="the same starts without their keys make 200 runs",
)
def test_two_hundred_starts_of_fifty_clicks_are_fifty_runs(
    counted_starts: Path, record_figure: Callable[[str], None]
) -> None:
    pairs = start_from_processes(200, 20)
    assert len(pairs) == 200
    ids = {run_id for _, run_id in pairs}
    assert len(set(pairs)) == len(ids) == CLICKS
    assert {summary.id for summary in list_runs()} == ids
    assert Counter(counted_starts.read_text().split()) == Counter(ids)
    record_figure(f"200 starts by 20 processes: {len(ids)} runs, each started once")


def test_control_without_their_keys_as_many_runs_start(counted_starts: Path) -> None:
    pairs = start_from_processes(60, 4, keep=lambda _: "")
    assert len({run_id for _, run_id in pairs}) == 60
    assert len(counted_starts.read_text().split()) == 60


def find_running(ids: list[str]) -> dict[str, int]:
    """The runs that train at one moment, and their processes: those that do so at two looks at all of them."""
    return dict(_look(ids).items() & _look(ids).items())


def _look(ids: list[str]) -> dict[str, int]:
    runs = [open_run(run_id) for run_id in ids]
    return {run.id: run.worker()["process"]["pid"] for run in runs if run.state() == "running"}


@pytest.mark.slow
@pytest.mark.promise(
    12,
    "Queued runs never share a slot, and all of them end, however many workers are killed.",
    how="50 queued runs on 4 slots; ten times the worker of one that trains, or that waits, is killed at a random "
    "moment, and the run resumed; who trains is looked at all the while, and afterwards from what the runs wrote",
    control="with slots that exclude nobody, the same look finds more runs than slots",
)
def test_queued_runs_never_share_a_slot_and_all_end(
    quick_workers: Path, full: bool, record_figure: Callable[[str], None]
) -> None:
    count, places, kills = (50, 4, 10) if full else (8, 2, 3)
    (quick_workers / "settings.json").write_text(json.dumps({"slots": {"cpu": places}}))
    ids = [start_run(tiny_spec(epochs=4, seed=seed)) for seed in range(count)]
    rng, killed, most = random.Random(12), 0, 0
    next_kill = time.monotonic()
    while not all(open_run(run_id).state() == "finished" for run_id in ids):
        most = max(most, len(find_running(ids)))
        if killed < kills and time.monotonic() > next_kill:
            run = open_run(rng.choice(ids))
            if run.kill():
                killed += 1
                wait_for(lambda run=run: run.state() in ("interrupted", "finished"))
                next_kill = time.monotonic() + rng.uniform(0, 0.4)
        for summary in list_runs():
            assert summary.state in ("queued", "running", "finished", "interrupted"), summary.reason
            if summary.state == "interrupted":
                launcher.resume_run(summary.id)
    assert killed == kills
    assert 0 < most <= places
    assert all([row["epoch"] for row in open_run(run_id).rows()] == [1, 2, 3, 4] for run_id in ids)
    assert queue.read_queue(quick_workers) == []
    wait_for(lambda: queue.read_slots(quick_workers, "cpu") == [None] * places)
    record_figure(f"{count} runs on {places} slots, {killed} workers killed: at most {most} at once, all finished")


def test_control_slots_that_exclude_nobody_are_seen(quick_workers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "_start_process", lambda run: start_worker(run, breakage.share_slots))
    ids = [start_run(tiny_spec(epochs=10_000)) for _ in range(3)]
    wait_for(lambda: len(find_running(ids)) > 1)
    for run_id in ids:
        (open_run(run_id).path / "stop").touch()
