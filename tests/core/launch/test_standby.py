"""A worker that waits with torch loaded: the run it takes is an ordinary one, and no process is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from core.launch import launcher
from core.launch import standby as standby_module
from core.launch.environment import worker_environment
from core.launch.launcher import prepare_worker, start_run
from core.launch.standby import BYTES_TO_START, BYTES_TO_STAY, IDLE_SECONDS, Standby
from core.runs.folder import Run
from core.runs.store import open_run
from core.system import child
from tests.core.forked import spawn_forked
from tests.core.same_result import assert_same_result
from tests.core.workers import end_all, is_gone, tiny_spec, wait_for, wait_for_state
from tests.lab_server import ROOT
from tests.specs import change

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("lab_folders")]


@pytest.fixture
def real_standby(monkeypatch: pytest.MonkeyPatch) -> Iterator[Standby]:
    """The launcher's own, enabled, and nothing of it left at the end."""
    ours = Standby()
    ours.enable()
    monkeypatch.setattr(launcher, "STANDBY", ours)
    yield ours
    ours.disable()
    for thread in threading.enumerate():
        if thread.name.startswith("reaper of "):
            thread.join(30)  # or it would have the next test's standby renewed


@pytest.fixture
def standby(real_standby: Standby, monkeypatch: pytest.MonkeyPatch) -> Iterator[Standby]:
    """The same; its workers, and all others, are forked from a process that has torch loaded."""
    monkeypatch.setattr(child, "spawn", spawn_forked)
    monkeypatch.setattr(standby_module, "spawn", spawn_forked)
    yield real_standby
    real_standby.disable()
    end_all()


def prepare(standby: Standby) -> int:
    """The process id of one that waits."""
    standby.prepare(worker_environment(), delay=0)
    wait_for(lambda: standby._process)
    assert standby._process
    return standby._process.pid


def worker_of(run: Run) -> int:
    return int(run.worker()["process"]["pid"])  # type: ignore[index]


def test_the_run_it_takes_ends_as_any_other(real_standby: Standby) -> None:
    standby, spec = real_standby, tiny_spec(epochs=2)
    usual = open_run(start_run(spec))
    wait_for_state(usual, "finished", "failed")
    waiting = prepare(standby)
    run = open_run(start_run(spec))
    assert wait_for_state(run, "finished", "failed") == "finished"
    assert worker_of(run) == waiting
    assert worker_of(usual) != waiting
    assert_same_result(run, usual)
    wait_for(lambda: not psutil.pid_exists(waiting))


def test_what_goes_wrong_stands_in_the_runs_log(standby: Standby) -> None:
    prepare(standby)
    spec = change(tiny_spec(), "data.dataset=folder", "data.folder=/nowhere", "data.folder_classes=2")
    run = open_run(start_run(spec))
    assert wait_for_state(run, "finished", "failed") == "failed"
    assert "/nowhere" in run.log_tail()


def test_a_run_that_has_to_wait_gets_a_small_worker(standby: Standby) -> None:
    waiting = prepare(standby)
    first = open_run(start_run(tiny_spec(epochs=10_000)))
    wait_for_state(first, "running")
    standby._rests_until = 0.0
    again = prepare(standby)
    second = open_run(start_run(tiny_spec()))
    wait_for(second.worker)
    assert worker_of(first) == waiting
    assert worker_of(second) != again
    for run in (first, second):
        launcher.request_stop(run.id)
        wait_for_state(run, "stopped")


def test_none_loads_beside_a_run_that_starts(standby: Standby) -> None:
    standby.prepare(worker_environment(), delay=60)
    pending = standby._timer
    run = open_run(start_run(tiny_spec(epochs=10_000)))
    assert pending
    assert pending.finished.is_set()  # taken back
    standby.prepare(worker_environment(), delay=0)
    assert standby._timer
    assert standby._timer.interval > 5
    launcher.request_stop(run.id)
    wait_for_state(run, "stopped")


def test_the_next_one_loads_when_a_run_has_ended_and_no_other_starts_instead(standby: Standby) -> None:
    prepare(standby)
    first, second = (open_run(start_run(tiny_spec(epochs=10_000))) for _ in range(2))
    wait_for_state(first, "running")
    launcher.request_stop(first.id)
    wait_for(lambda: not is_reaped_by_a_thread(worker_of(first)))
    wait_for_state(second, "running")
    assert standby._process is None
    assert standby._timer is None
    standby._rests_until = time.monotonic() + 1000  # as if it had only just started
    launcher.request_stop(second.id)
    wait_for(lambda: standby._process)


def test_the_rest_for_a_run_that_starts_outlasts_the_end_of_another(standby: Standby) -> None:
    run = open_run(start_run(tiny_spec(epochs=10_000)))
    wait_for_state(run, "running")
    standby.rest("20260101-000000-000-abcdef")
    launcher.request_stop(run.id)
    wait_for_state(run, "stopped")
    wait_for(lambda: not is_reaped_by_a_thread(worker_of(run)))
    assert standby._process is None
    assert standby._rests_until > time.monotonic()


def test_a_ticket_that_a_killed_worker_left_keeps_none_from_loading_or_being_asked(
    standby: Standby, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standby_module, "REST_SECONDS", 2.0)  # of the second, which outlasts it
    waiting = prepare(standby)
    first, second = (open_run(start_run(tiny_spec(epochs=10_000))) for _ in range(2))
    wait_for_state(first, "running")
    wait_for(second.worker)
    os.kill(worker_of(second), signal.SIGKILL)
    wait_for_state(second, "interrupted")
    wait_for(lambda: not is_reaped_by_a_thread(worker_of(second)))
    assert standby._process is None  # the first still trains
    launcher.request_stop(first.id)
    wait_for(lambda: standby._process)
    assert standby._process
    loaded = standby._process.pid
    assert loaded != waiting
    third = open_run(start_run(tiny_spec(epochs=1)))
    wait_for_state(third, "finished")
    assert worker_of(third) == loaded


def is_reaped_by_a_thread(pid: int) -> bool:
    return any(thread.name == f"reaper of {pid}" for thread in threading.enumerate())


def test_one_that_has_died_is_not_asked(standby: Standby) -> None:
    waiting = prepare(standby)
    os.kill(waiting, signal.SIGKILL)
    wait_for(lambda: standby._process and standby._process.poll())
    run = open_run(start_run(tiny_spec(epochs=1)))
    assert wait_for_state(run, "finished", "failed") == "finished"
    assert worker_of(run) != waiting


def test_one_of_another_runs_folder_is_ended_and_not_asked(
    standby: Standby, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    waiting = prepare(standby)
    monkeypatch.setenv("RESNET_LAB_RUNS", str(tmp_path / "other"))
    run = open_run(start_run(tiny_spec(epochs=1)))
    assert wait_for_state(run, "finished", "failed") == "finished"
    assert worker_of(run) != waiting
    wait_for(lambda: not psutil.pid_exists(waiting))


def test_a_killed_one_is_told_as_any_killed_worker(standby: Standby) -> None:
    prepare(standby)
    run = open_run(start_run(tiny_spec(epochs=10_000)))
    wait_for_state(run, "running")
    os.kill(worker_of(run), signal.SIGKILL)
    wait_for_state(run, "interrupted")
    wait_for(run.crash)
    assert "killed" in run.summary().reason


def test_it_ends_with_the_process_that_keeps_it(lab_folders: Path) -> None:
    code = """
        import os, time
        from core.launch.launcher import STANDBY
        from core.launch.environment import worker_environment
        STANDBY.enable()
        STANDBY.prepare(worker_environment(), delay=0)
        while STANDBY._process is None:
            time.sleep(0.01)
        print(STANDBY._process.pid, flush=True)
        time.sleep(1000)
    """
    keeper = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, stdout=subprocess.PIPE)
    assert keeper.stdout
    waiting = int(keeper.stdout.readline())
    assert psutil.pid_exists(waiting)
    keeper.kill()
    keeper.wait()
    keeper.stdout.close()
    wait_for(lambda: is_gone(waiting))


def test_nobody_who_does_not_ask_for_one_keeps_one(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Standby()
    monkeypatch.setattr(launcher, "STANDBY", ours)
    prepare_worker()
    ours.prepare(worker_environment(), delay=0)
    assert ours._timer is None
    assert ours._process is None


def test_its_memory_is_given_back_when_nobody_is_here_and_it_comes_back_with_somebody(
    standby: Standby,
) -> None:
    waiting = prepare(standby)
    assert not standby.review(in_use=True)
    assert psutil.pid_exists(waiting)
    standby._used -= IDLE_SECONDS + 1
    assert not standby.review(in_use=False)
    assert not psutil.pid_exists(waiting)
    standby.prepare(worker_environment(), delay=0)  # as at the end of a run in the night
    assert standby._timer is None
    assert standby.review(in_use=True)
    assert prepare(standby) != waiting
    assert not standby.review(in_use=True)


def test_none_is_kept_where_memory_is_short(standby: Standby, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = prepare(standby)
    monkeypatch.setattr(standby_module, "available_memory", lambda: BYTES_TO_STAY)
    assert not standby.review(in_use=True)
    assert psutil.pid_exists(waiting)
    monkeypatch.setattr(standby_module, "available_memory", lambda: BYTES_TO_STAY - 1)
    assert standby.review(in_use=True)
    assert not psutil.pid_exists(waiting)
    standby.prepare(worker_environment(), delay=0)
    assert standby._timer is None
    monkeypatch.setattr(standby_module, "available_memory", lambda: BYTES_TO_START)
    assert standby.review(in_use=True)
    prepare(standby)
