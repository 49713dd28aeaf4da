"""Processes that are not who they seem, machines that restart, clocks that jump: the state stays true."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from core.launch import launcher
from core.launch.launcher import kill_run, request_stop, resume_run, start_run
from core.machine import queue
from core.runs import presence
from core.runs.folder import Run
from core.runs.listing import list_runs
from core.runs.store import open_run
from core.system import files, processes
from core.system.locks import FileLock
from tests.core.launch.test_launcher import in_threads
from tests.core.workers import start_worker, tiny_spec, wait_for, wait_for_state
from tests.faults import breakage
from tests.made_runs import create_run

DAY = 86_400.0


def begun_run(process: object) -> Run:
    """A run that a worker of this record began and left without an end."""
    run = open_run(create_run(tiny_spec(epochs=1)))
    (run.path / "launched").unlink()
    files.write_json(run.path / "environment.json", {"device": "cpu", "started": time.time()})
    files.write_json(run.path / "worker.json", {"process": process})
    return run


@contextmanager
def stranger() -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A process that has nothing to do with us, and notes every signal that it can hear."""
    code = (
        "import signal, sys, time, pathlib\n"
        "heard = pathlib.Path(sys.argv[1])\n"
        "for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:\n"
        "    signal.signal(number, lambda number, _: heard.open('a').write(f'{number}\\n'))\n"
        "heard.touch()\n"
        "while True: time.sleep(60)\n"
    )
    heard = Path(os.environ["RESNET_LAB_RUNS"]).parent / "heard"
    with subprocess.Popen([sys.executable, "-c", code, str(heard)]) as process:
        try:
            wait_for(heard.exists)
            yield process, heard
        finally:
            process.kill()


@pytest.mark.promise(
    11,
    "An unrelated process that was given a dead worker's id does not make its run look alive, and is never signalled.",
    how="a live process that notes every signal, under the id in `worker.json` or `launched`, from another start of "
    "the process, of the machine, of another machine, or its very own; then Stop, Stop now and Delete",
    control="`os.kill` on the recorded id ends it",
)
def test_a_process_that_has_a_dead_workers_id_is_left_alone(
    quick_workers: Path, record_figure: Callable[[str], None]
) -> None:
    with stranger() as (process, heard):
        own = processes.identify(process.pid)
        assert own
        changes = [{"started": own["started"] - 1}, {"boot": "an earlier one"}, {"host": "elsewhere"}, {}]
        runs = [begun_run(own | change) for change in changes]
        # A launch that this process id, too, was noted for.
        for change in changes[:3]:
            run = begun_run(own | change)
            (run.path / "launched").write_text(json.dumps(own | change))
            runs.append(run)
        for run in runs:
            assert run.state() == "interrupted"
            assert not request_stop(run.id)
            assert not kill_run(run.id)
            # Also where somebody holds the run, whoever that is.
            if run.worker()["process"] != own:
                with FileLock(run.path / "run.lock") as lock:
                    assert lock.acquire(1)
                    assert not kill_run(run.id)
            launcher.delete_run(run.id)
        assert list_runs() == []
        assert process.poll() is None
        assert heard.read_text() == ""
        os.kill(own["pid"], signal.SIGTERM)  # control: a bare id is enough to hit it
        wait_for(lambda: heard.read_text() == f"{signal.SIGTERM:d}\n")
    record_figure(f"{len(runs)} runs: all interrupted, no signal heard")


@pytest.mark.promise(
    11,
    "A worker that is only a zombie counts as dead within 3 s.",
    how="workers that are killed and that nobody waits for, on their way and in training",
    control="`kill(pid, 0)` still takes the zombie for alive",
)
def test_a_zombie_is_no_worker(quick_workers: Path, record_figure: Callable[[str], None]) -> None:
    slowest = 0.0
    for name in ("launched", "worker.json"):
        run = open_run(create_run(tiny_spec()))
        pid = os.fork()
        if pid == 0:
            lock = FileLock(run.path / "run.lock")
            if name == "worker.json":
                lock.acquire(5)
                files.write_json(run.path / "environment.json", {})
                files.write_json(run.path / name, {"process": processes.identify(os.getpid())})
                (run.path / "launched").unlink()
            signal.pause()
        try:
            if name == "launched":
                presence.mark_launch(run.path, pid)
                assert run.state() == "queued"
            else:
                wait_for(lambda run=run: run.state() == "running" and not (run.path / "launched").exists())
            os.kill(pid, signal.SIGKILL)
            began = time.monotonic()
            wait_for(lambda run=run: run.state() == "interrupted", 3)
            slowest = max(slowest, time.monotonic() - began)
            os.kill(pid, 0)  # control: the process id is still there
            assert "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            assert not kill_run(run.id)
        finally:
            os.waitpid(pid, 0)
    record_figure(f"interrupted after {1000 * slowest:.0f} ms")


@pytest.mark.slow
@pytest.mark.promise(
    11,
    "After a restart of the machine every run that trained or waited is interrupted, tells why, and can be resumed; "
    "none is started twice.",
    how="runs of all kinds with locks gone, process ids taken by others and a boot id that changed; tickets and slots "
    "of before still lie there; five people resume each run at once",
    control="with the boot id left out of the comparison, a stranger under the old id keeps its run queued for ever",
)
def test_after_a_reboot_all_are_interrupted_and_resumed_once(
    quick_workers: Path, monkeypatch: pytest.MonkeyPatch, full: bool, record_figure: Callable[[str], None]
) -> None:
    count = 20 if full else 2
    own = processes.identify(os.getpid())
    assert own
    before = own | {"boot": "the boot before"}
    trained = [begun_run(before) for _ in range(count)]
    waited = [open_run(create_run(tiny_spec(epochs=1))) for _ in range(count)]
    for run in waited:
        (run.path / "launched").write_text(json.dumps(before))
        queue.enqueue(quick_workers, run.id, "cpu")
        (run.path / "run.lock").touch()
    queue.slot_path(quick_workers, "cpu", 0).write_text(trained[0].id)
    states = {summary.id: summary for summary in list_runs()}
    assert {states[run.id].state for run in [*trained, *waited]} == {"interrupted"}
    assert all("restarted" in states[run.id].reason for run in trained)
    with monkeypatch.context() as blind:  # control
        blind.setattr(processes, "boot_id", lambda: "the boot before")
        assert waited[0].state() == "queued"

    started: Counter[str] = Counter()
    start = launcher._start_process
    monkeypatch.setattr(launcher, "_start_process", lambda run: started.update([run.id]) or start(run))
    for run in [*trained, *waited]:
        resume_together(run.id, 5)
    for run in [*trained, *waited]:
        assert wait_for_state(run, "finished", "failed") == "finished", run.log_tail()
        assert [row["epoch"] for row in run.rows()] == list(range(1, run.spec.train.epochs + 1))
    assert started == Counter(run.id for run in [*trained, *waited])
    record_figure(f"{2 * count} runs interrupted; each resumed by five people: {sum(started.values())} starts")


def resume_together(run_id: str, people: int) -> None:
    answers = in_threads(people, lambda: resume_run(run_id))
    assert answers.count(None) == 1


@pytest.mark.slow
@pytest.mark.promise(
    11,
    "Setting the clock a day on or back changes no state, makes no time negative and loses nobody's place.",
    how="`time.time` is moved in every process, a day on and a day back, while a run trains, another waits and others "
    "have ended; then one is stopped and resumed, and the others go on to their ends",
    control="the moved clock is seen: `ended` lies a day off",
)
@pytest.mark.parametrize("days", [1, -1])
def test_a_clock_that_jumps_changes_no_state_and_no_time_is_negative(
    quick_workers: Path, monkeypatch: pytest.MonkeyPatch, record_figure: Callable[[str], None], days: int
) -> None:
    offset = quick_workers / "offset"
    offset.write_text("0")
    monkeypatch.setattr(
        launcher, "_start_process", lambda run: start_worker(run, partial(breakage.follow_clock, offset))
    )
    ended = open_run(create_run(tiny_spec()))
    files.write_json(ended.path / "end.json", {"state": "finished"})
    dead = begun_run({"pid": 1})
    training = open_run(start_run(tiny_spec(epochs=400)))
    wait_for(lambda: len(training.rows()) > 2)
    waiting = open_run(start_run(tiny_spec(epochs=2)))
    wait_for(waiting.is_alive)
    expected = ["finished", "interrupted", "running", "queued"]
    runs = [ended, dead, training, waiting]
    assert [run.state() for run in runs] == expected

    offset.write_text(str(days * DAY))
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + days * DAY)
    rows = len(training.rows())
    wait_for(lambda: len(training.rows()) > rows + 2)
    assert [run.state() for run in runs] == expected
    assert {summary.id: summary.state for summary in list_runs()} == dict(
        zip((run.id for run in runs), expected, strict=True)
    )
    late = open_run(start_run(tiny_spec(epochs=1)))
    assert late.state() == "queued"
    request_stop(training.id)
    assert wait_for_state(training, "stopped", "failed") == "stopped"
    for run in (waiting, late):
        assert wait_for_state(run, "finished", "failed") == "finished", run.log_tail()
    resume_run(training.id)
    wait_for(lambda: len(training.rows()) > rows + 4)
    request_stop(training.id)
    wait_for_state(training, "stopped")

    assert abs(waiting.end()["ended"] - real() - days * DAY) < DAY / 2, "control: its worker saw the clock jump"
    times = [summary.seconds for summary in list_runs()]
    for run in (training, waiting, late):
        seconds = [row["seconds"] for row in run.rows()]
        assert seconds == sorted(seconds)
        assert min(row["images_per_second"] for row in run.rows()) > 0
        times += [*seconds, run.progress()["seconds"], run.progress().get("seconds_left") or 0.0]
    assert min(times) >= 0
    assert max(times) < DAY / 2
    record_figure(f"{days:+d} day: states as before, {len(times):,} times, none negative")
