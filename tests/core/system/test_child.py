"""A child answers, passes errors on, is replaced when it dies, ends with its owner; a started process outlives it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.system.child import Child, ChildError, ChildKilledError, start_process
from core.system.folders import PROJECT
from core.system.processes import identify
from tests.core.workers import wait_for


@pytest.fixture
def child() -> Iterator[Child]:
    with Child("test process") as ours:
        yield ours


class Awkward(Exception):
    """Can be packed, but not unpacked: the message alone does not make one."""

    def __init__(self, words: int, text: str) -> None:
        super().__init__(f"{words} {text}")


def raise_awkward() -> None:
    raise Awkward(2, "words")


def test_questions_are_answered_by_one_other_process(child: Child) -> None:
    assert child.ask("os:getpid") == child.ask("os:getpid") != os.getpid()
    assert child.ask("json:dumps", obj={"a": 1}) == '{"a": 1}'


def test_a_crash_is_reported_and_the_next_question_is_answered(child: Child) -> None:
    first = child.ask("os:getpid")
    with pytest.raises(ChildError, match=r"^The test process ended unexpectedly \(exit status -6\)\. Try again\.$"):
        child.ask("os:abort")
    second = child.ask("os:getpid")
    assert second != first
    os.kill(second, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(second)] if psutil.pid_exists(second) else [], timeout=5)
    assert child.ask("os:getpid") not in (first, second)


def test_one_that_is_killed_in_the_middle_of_an_answer_says_so(child: Child) -> None:
    pid = child.ask("os:getpid")
    child.send("signal:pause")
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(ChildKilledError, match="was killed, as the system does when memory runs out"):
        child.receive()


def test_an_answer_or_error_that_cannot_be_sent_is_an_error_not_a_hang(child: Child) -> None:
    with pytest.raises(Exception, match="pickle"):
        child.ask("threading:Lock")
    with pytest.raises(ChildError, match=r"^Awkward: 2 words"):
        child.ask("tests.core.system.test_child:raise_awkward")
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        child.ask("core.no_such_module:f")
    assert child.ask("os:getpid")


def test_a_question_that_takes_too_long_is_ended(child: Child) -> None:
    process = psutil.Process(child.ask("os:getpid"))
    with pytest.raises(ChildError, match="took longer than 0 seconds and was ended"):
        child.ask("signal:pause", 0.1)
    assert not process.is_running()


def test_questions_sent_in_advance_are_answered_in_their_order(child: Child) -> None:
    for text in ("[1]", "[2]", "no JSON"):
        child.send("json:loads", s=text)
    assert [child.receive(), child.receive()] == [[1], [2]]
    with pytest.raises(ValueError, match="Expecting value"):
        child.receive()


def test_its_environment_niceness_and_end_are_its_owners_choice() -> None:
    with Child("test process", lambda: {**os.environ, "CHOSEN": "yes"}, nice=3) as child:
        assert child.ask("os:getenv", key="CHOSEN") == "yes"
        process = psutil.Process(child.ask("os:getpid"))
        assert process.nice() == psutil.Process().nice() + 3
    assert not process.is_running()


def test_a_child_ends_when_its_owner_is_killed_even_in_the_middle_of_an_answer() -> None:
    code = (
        "from core.system.child import Child; child = Child('test process'); "
        "print(child.ask('os:getpid'), flush=True); child.ask('signal:pause')"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    assert owner.stdout
    process = psutil.Process(int(owner.stdout.readline()))
    owner.kill()
    owner.wait()
    gone, _ = psutil.wait_procs([process], timeout=10)
    assert gone


def test_a_started_process_appends_to_its_log_in_a_session_of_its_own_and_its_end_is_noted(tmp_path: Path) -> None:
    log, ends = tmp_path / "log.txt", list[tuple[Any, int]]()
    log.write_text("earlier\n")
    (tmp_path / "started.py").write_text("import os, sys; print(os.getsid(0), sys.argv[1:], sys.stdin.read()); exit(3)")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    noted = threading.Event()

    def ended(who: Any, status: int) -> None:
        ends.append((who, status))
        noted.set()

    pid = start_process(["started", "a", "b"], log, environment, ended)
    who = identify(pid)
    assert noted.wait(30)
    assert ends == [(who, 3)]
    assert log.read_text() == f"earlier\n{pid} ['a', 'b'] \n"
    wait_for(lambda: not psutil.pid_exists(pid))
