"""Many hands in one folder at once: they start, train, delete, rename, list, compare; nobody ever meets half a run."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core.compare.snapshot import look_at
from core.launch import launcher
from core.launch.launcher import LauncherError, delete_run, request_stop, resume_run, start_run
from core.machine import queue
from core.runs.ends import end_run
from core.runs.folder import Run
from core.runs.listing import list_runs
from core.runs.records import About, RunNotFoundError
from core.runs.store import open_run
from core.studies.manage import create_study
from core.system import files, locks
from core.system.locks import FileLock, RunsFolderError
from core.worker.run import drive_run
from core.worker.stop import StopSignal
from tests.core.runs.damage import KINDS, damage_run
from tests.core.study_workers import tiny_study
from tests.core.workers import tiny_spec, wait_for
from tests.faults import interleaving
from tests.made_runs import create_run
from tests.pages.sample_runs import make_rows

EPOCHS = 3
SPEC = tiny_spec(epochs=EPOCHS)
STATES = ("queued", "running", "finished", "stopped", "interrupted")


def write_epochs(folder: Path, _: str, stop: StopSignal) -> int:
    """A training in small: what `core.worker` writes, without torch."""
    files.write_json(folder / "environment.json", {"device": "cpu"}, sync=False)
    for row in make_rows(EPOCHS)[len(Run(folder).rows()) :]:
        if stop.is_set():
            return end_run(folder, "stopped", "Stopped on request.")
        with open(folder / "metrics.jsonl", "ab") as file:
            file.write(files.to_line(row))
    return end_run(folder, "finished", "All epochs done.")


def train(run_id: str) -> None:
    """What `python -m core.worker` does, in a thread."""
    folder = Path(os.environ["RESNET_LAB_RUNS"], run_id)
    if (folder / "end.json").exists() or not folder.is_dir():
        return
    try:
        with FileLock(folder / "run.lock") as lock:
            if lock.acquire(2):
                drive_run(folder.parent, folder, StopSignal(folder), write_epochs)
    except FileNotFoundError:
        assert not folder.is_dir()


def look() -> None:
    for summary in list_runs():
        assert summary.state in STATES, (summary.state, summary.reason)
        assert summary.name.startswith("whole"), summary
        assert summary.state != "finished" or summary.epoch == EPOCHS, summary


def compare(run_ids: list[str]) -> None:
    found = look_at(run_ids)
    for run in found.runs:
        assert run.state in STATES
        assert run.state != "finished" or len(run.rows) == EPOCHS
    assert all(problem.startswith("There is no run") for problem in found.problems), found.problems


def rename(run_id: str) -> None:
    with suppress(FileNotFoundError):  # deleted; the page says so
        open_run(run_id).update_about(name="whole, renamed")


def interleave(seed: int, remove: Callable[[str], None]) -> tuple[list[Any], int]:
    """Some of all acts on two runs, in an order of turns that the seed decides; what they gave, and how many turns."""
    runs = Path(os.environ["RESNET_LAB_RUNS"])
    for path in runs.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    dice = random.Random(seed)
    done, begun = (create_run(SPEC, name="whole") for _ in range(2))
    train(done)
    target = dice.choice([done, begun])
    acts: list[Callable[[], Any]] = [
        partial(remove, target),
        look,
        partial(train, begun),
        partial(compare, [done, begun]),
        partial(rename, target),
        partial(start_run, SPEC, About(name="whole"), click_key="click"),
        partial(request_stop, begun),
        partial(resume_run, target),
    ]
    turns = interleaving.Turns(seed)
    # The four of the promise always, and some of the others.
    results = turns.run(acts[:4] + dice.sample(acts[4:], dice.randrange(3)))
    check_leftovers(runs)
    return results, turns.steps


def check_leftovers(runs: Path) -> None:
    look()
    for name in os.listdir(runs):
        if not name.startswith("."):
            assert {"spec.json", "about.json"} <= set(os.listdir(runs / name)), name
    assert not (runs / ".trash").exists() or os.listdir(runs / ".trash") == []
    assert {ticket.run_id for ticket in queue.read_queue(runs)} <= set(os.listdir(runs))


def remove_in_place(run_id: str) -> None:
    """A deletion as one would write it first."""
    run = open_run(run_id)
    with FileLock(run.path / "run.lock") as lock:
        lock.acquire(5)
        shutil.rmtree(run.path)


def interleave_many(seeds: range, remove: Callable[[str], None], tell: Any) -> None:
    """In a process of its own: counts what went wrong, by its words, and how many turns were taken."""
    interleaving.install()
    launcher._start_process = lambda _: 2**22 + 1  # type: ignore[assignment]  # no process has this id
    told: Counter[str] = Counter()
    for seed in seeds:
        try:
            results, steps = interleave(seed, remove)
            wrong = [each for each in results if isinstance(each, Exception)]
            told.update(
                f"{type(each).__name__}: {each}"[:300]
                for each in wrong
                if not isinstance(each, LauncherError | RunNotFoundError)
            )
            told["refused"] += sum(isinstance(each, LauncherError | RunNotFoundError) for each in wrong)
            told["turns"] += steps
        except Exception as error:  # noqa: BLE001
            told[f"afterwards, seed {seed}: {type(error).__name__}: {error}"[:300]] += 1
    tell.put(told)


def count_troubles(seeds: range, remove: Callable[[str], None]) -> Counter[str]:
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    process = context.Process(target=interleave_many, args=(seeds, remove, answers))
    process.start()
    wait_for(lambda: not answers.empty() or not process.is_alive(), 600)
    told: Counter[str] = answers.get() if not answers.empty() else Counter({f"it died: {process.exitcode}": 1})
    process.join()
    return told


@pytest.mark.slow
@pytest.mark.promise(
    13,
    "Deleting, listing, training and comparing at once, in whatever order, gives no traceback and no half-deleted run.",
    how="1,000 interleavings: threads take turns before every touch of a file (about 100 turns each), in an order that "
    "a seed decides; with renaming, starting, stopping and resuming among them",
    control="a deletion that removes the folder in place is met half done",
)
def test_whatever_the_order_nobody_meets_half_a_run(
    runs: Path, full: bool, record_figure: Callable[[str], None]
) -> None:
    count = 1000 if full else 40
    told = count_troubles(range(count), delete_run)
    turns, refused = told.pop("turns"), told.pop("refused")
    assert not told, told
    record_figure(
        f"{count:,} interleavings of {turns:,} turns: no traceback, no half-deleted run ({refused} refused in words)"
    )


def test_control_a_run_that_is_removed_in_place_is_met_half_deleted(runs: Path) -> None:
    told = count_troubles(range(10), remove_in_place)
    assert set(told) - {"turns", "refused"}


@pytest.mark.promise(
    13,
    "Broken folders are listed with a reason each, and cost the others nothing.",
    how="500 good runs and 40 folders broken in eleven ways, listed by a process that has read none of them, "
    "within 2 s",
    control="a reader without these checks stops at the first of them",
)
def test_broken_folders_are_listed_with_their_reasons_beside_the_good_ones(
    runs: Path, full: bool, record_figure: Callable[[str], None]
) -> None:
    good, broken = (500, 40) if full else (50, len(KINDS))
    pattern = open_run(create_run(tiny_spec(), name="good"))
    (pattern.path / "launched").unlink()
    write_epochs(pattern.path, "cpu", StopSignal(pattern.path))
    copies = [runs / f"20250101-{number:06d}-000-abcdef" for number in range(good + broken - 1)]
    for copy in copies:
        shutil.copytree(pattern.path, copy)
    for number, copy in enumerate(copies[:broken]):
        damage_run(Run(copy), KINDS[number % len(KINDS)])
    began = time.perf_counter()
    listed = list_runs()
    seconds = time.perf_counter() - began
    states = Counter(summary.state for summary in listed)
    assert states == {"finished": good, "damaged": broken}
    assert all(summary.reason for summary in listed if summary.state == "damaged")
    assert seconds < 2
    with pytest.raises((OSError, ValueError)):  # control
        [json.loads((copy / "spec.json").read_bytes()) for copy in copies]
    record_figure(f"{good} listed and {broken} told as damaged in {seconds:.2f} s")


def fail_with(code: int) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


def exclude_nobody(*_: object) -> None:
    """As on some network file systems: every lock is granted."""


@pytest.mark.promise(
    13,
    "A runs folder on a file system without working locks is refused, with the reason and a way out, and left empty.",
    how="`flock` that is not there, finds no locks, is not supported, or excludes nobody; asked to make, start and "
    "list runs, and to make a study",
    control="with the system's own `flock` the same run is made",
)
@pytest.mark.parametrize(
    ("flock", "word"),
    [*((fail_with(code), "file locks") for code in (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)),
     (exclude_nobody, "same lock")],
    ids=["ENOSYS", "ENOLCK", "EOPNOTSUPP", "excludes nobody"],
)  # fmt: skip
def test_a_file_system_without_working_locks_is_refused_with_a_way_out(
    runs: Path, monkeypatch: pytest.MonkeyPatch, flock: Callable, word: str, record_figure: Callable[[str], None]
) -> None:
    acts = (partial(create_run, SPEC), partial(start_run, SPEC), partial(create_study, "a study", tiny_study()))
    with monkeypatch.context() as broken:
        broken.setattr(locks.fcntl, "flock", flock)
        for act in acts:
            with pytest.raises(RunsFolderError, match=word) as refusal:
                act()
            assert "RESNET_LAB_RUNS" in str(refusal.value)
    assert os.listdir(runs) == []
    create_run(SPEC)  # control
    record_figure(f"refused: {str(refusal.value).removeprefix(str(runs)).strip()[:110]}…")
