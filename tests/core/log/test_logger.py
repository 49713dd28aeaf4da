"""A run takes what is logged until it ends, in the process that made it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import core.log as lab
from core.log.logger import LogError
from core.runs.listing import list_runs
from tests.core.log.scripts import only_run, points_of

pytestmark = pytest.mark.usefixtures("runs")


def test_values_that_are_not_committed_share_the_next_step() -> None:
    lab.init(project="p")
    lab.log({"a": 1}, commit=False)
    lab.log({"b": 2})
    lab.log({"a": 3})
    lab.finish()
    assert points_of(only_run()) == {"a": [(0, 1.0), (1, 3.0)], "b": [(0, 2.0)]}


def test_with_mode_disabled_nothing_is_kept(runs: Path) -> None:
    with lab.init(project="p", mode="disabled") as run:
        run.log({"loss": 1.0})
    assert not list_runs()


def test_a_finished_run_takes_no_more() -> None:
    lab.init(project="p", name="n")
    lab.finish()
    lab.finish()
    with pytest.raises(LogError, match=r"The run n is finished: call init\(\) before log\(\)"):
        lab.log({"a": 1})


def test_a_with_block_ends_by_its_exception() -> None:
    def fail() -> None:
        with lab.init(project="p") as run:
            run.log({"a": 1})
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        fail()
    assert (only_run().state(), (only_run().end() or {})["reason"]) == ("failed", "RuntimeError: no.")


def test_a_forked_process_neither_logs_into_the_run_nor_keeps_it_alive() -> None:
    lab.init(project="p", name="n")
    lab.log({"a": 1})
    (ended, end), (began, begin) = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        try:
            lab.log({"a": 2})
            lab.finish()
            os.write(begin, b"x")
            os.close(end)  # so that it ends with the test, however that ends
            os.read(ended, 1)
        finally:
            os._exit(0)
    os.read(began, 1)
    lab.finish()
    assert points_of(only_run()) == {"a": [(0, 1.0)]}
    assert only_run().state() == "finished"
    assert not only_run().is_alive()
    os.close(end)
    os.waitpid(child, 0)
    for fd in (ended, began, begin):
        os.close(fd)
