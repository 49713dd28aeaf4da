"""A clock of the time in which a process ran, which one that was stopped by a signal did not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from core.system import awake
from core.system.awake import AwakeClock
from core.system.folders import PROJECT

CHILD = """
import time
from core.system.awake import AwakeClock

with AwakeClock(0.05, 0.5) as clock:
    began, real = clock(), time.monotonic()
    print("up", flush=True)
    input()
    print(time.monotonic() - real, clock() - began, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs signals that stop a process")
def test_it_stands_still_while_its_process_is_stopped() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        assert child.stdin
        assert child.stdout.readline() == "up\n"
        began = time.monotonic()
        os.kill(child.pid, signal.SIGSTOP)
        time.sleep(1.5)  # the length of the gap is the point
        os.kill(child.pid, signal.SIGCONT)
        stopped = time.monotonic() - began
        child.stdin.write("\n")
        child.stdin.flush()
        real, ran = map(float, child.stdout.readline().split())
    assert stopped - 0.5 < real - ran < real


def test_who_asks_first_after_a_gap_is_told_right_and_no_answer_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(awake.time, "monotonic", lambda: now[0])
    with AwakeClock() as clock:
        told = []
        for moment in (100.0, 104.0, 108.0, 708.0, 709.0):
            now[0] = moment
            told.append(clock())
    # Some time passes in any case: paces are divided by it.
    assert told == [100, 104, 108, 109, 110]


def test_a_process_that_is_only_busy_is_awake_and_the_thread_ends_with_the_block() -> None:
    with AwakeClock(0.05, 1.0) as clock:
        before = clock(), time.monotonic()
        while time.monotonic() - before[1] < 1.5:
            pass
        assert clock() - before[0] >= 1.5 - 1e-3
        (thread, *_) = found = [each for each in threading.enumerate() if each.name == "awake"]
        assert thread.is_alive()
    for each in found:
        each.join(timeout=30)
    assert not any(each.is_alive() for each in found)
