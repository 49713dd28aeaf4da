"""Memory runs out, on the device or in the machine: the reason is right, at once, and the next in the queue starts."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core.launch import launcher
from core.launch.launcher import resume_run, start_run
from core.runs import layout, presence
from core.runs.crashes import note_crash
from core.runs.store import open_run
from core.spec import RunSpec
from core.spec.parse import parse_spec
from core.spec.settings import apply_settings
from tests.core.workers import start_worker, tiny_spec, wait_for, wait_for_state
from tests.faults import breakage
from tests.faults.lives import live, new_run, worker_of
from tests.faults.memory_limit import limit_memory
from tests.made_runs import create_run

LARGE = ["data.image_size=32", "train.batch_size=256", "train.epochs=1000"]
REAL_START = launcher._start_process  # before the fixture puts a quick one in its place
PROMISE = "When memory runs out, a run says so within 5 s, and the next in the queue starts."


def large_spec(*settings: str) -> RunSpec:
    """By default, each activation of the stem takes 67 MB."""
    stem = () if settings else ("model.stem_channels=64",)
    return parse_spec(apply_settings(tiny_spec().model_dump(mode="json"), [*LARGE, *stem, *settings]))


def seconds_until(question: Callable[[], Any]) -> float:
    began = time.monotonic()
    wait_for(question)
    return time.monotonic() - began


@pytest.mark.promise(
    8,
    PROMISE,
    how="`torch.OutOfMemoryError` in a step, as a GPU raises it; a limit on the address space, met by a step and by "
    "reading the images",
    control="the same training without the limit goes on",
)
@pytest.mark.parametrize(
    ("spec", "setup"),
    [
        (tiny_spec(epochs=1000), partial(breakage.run_out_of_device_memory, 20)),
        (large_spec("model.stem_channels=512"), partial(breakage.limit_address_space, 400)),
        (large_spec("data.image_size=224"), partial(breakage.limit_address_space, 200)),
    ],
    ids=["device", "step", "images"],
)
def test_memory_that_runs_out_in_training_is_told_and_the_next_run_starts(
    quick_workers: Path, record_figure: Callable[[str], None], spec: RunSpec, setup: Any, request: pytest.FixtureRequest
) -> None:
    run = new_run(spec)
    presence.mark_launch(run.path, start_worker(run, setup))
    wait_for(lambda: run.state() == "running")
    following = open_run(start_run(tiny_spec(epochs=10_000)))
    wait_for(lambda: (quick_workers / breakage.MARK).exists() or run.end())
    told = seconds_until(run.end)
    assert (run.state(), run.end()["kind"]) == ("failed", "out_of_memory"), run.summary().reason
    assert "memory ran out" in run.summary().reason.lower()
    started = seconds_until(lambda: following.state() == "running")
    assert told + started < 5
    record_figure(f"{request.node.callspec.id}: told after {told:.1f} s, the next runs {started:.1f} s later")


def test_control_without_the_limit_the_same_training_goes_on(quick_workers: Path) -> None:
    run = new_run(large_spec())
    start_worker(run, partial(breakage.limit_address_space, 20_000))
    wait_for(lambda: (run.progress() or {}).get("step") or run.rows() or run.end())
    assert run.state() == "running", run.summary().reason


@pytest.mark.slow
@pytest.mark.promise(
    8,
    "When the system kills a run for want of memory, its page says so within 5 s, and the next in the queue starts.",
    how="a worker in a cgroup of 32 MB, which the kernel kills; a second run waits for its slot. (Skipped where no "
    "cgroup can be made.)",
    control="a worker that somebody else kills is not said to have run out of memory",
)
def test_a_run_that_the_system_kills_for_want_of_memory_is_told_so(
    quick_workers: Path, record_figure: Callable[[str], None]
) -> None:
    with limit_memory(32 * 2**20) as group:
        run = open_run(create_run(large_spec()))
        presence.mark_launch(run.path, REAL_START(run))
        wait_for(lambda: (run.progress() or {}).get("step") or run.end())
        following = open_run(start_run(tiny_spec(epochs=10_000)))
        wait_for(following.is_alive)
        group.add(worker_of(run))
        wait_for(lambda: not run.is_alive())
        told = seconds_until(lambda: "Out of memory" in run.summary().reason)
        assert run.state() == "interrupted"
        assert "the system killed its process" in run.summary().reason
        started = seconds_until(lambda: following.state() == "running")
        assert told + started < 5
    record_figure(f"told after {told:.2f} s, the next runs {started:.1f} s later")


def test_control_a_worker_that_somebody_kills_is_not_said_to_have_run_out_of_memory(quick_workers: Path) -> None:
    run = new_run(tiny_spec(epochs=10_000))
    presence.mark_launch(run.path, REAL_START(run))
    os.kill(int(wait_for(lambda: worker_of(run))), signal.SIGKILL)
    assert wait_for_state(run, "interrupted") == "interrupted"
    wait_for((run.path / layout.CRASH).exists)
    assert run.summary().reason == "Its process was killed from outside. It can be resumed."
    resume_run(run.id)
    wait_for(run.rows)
    (run.path / "stop").touch()
    assert wait_for_state(run, "stopped") == "stopped"


def test_a_run_that_says_its_own_end_leaves_no_note_of_a_death(quick_workers: Path) -> None:
    run = new_run(tiny_spec(device="cuda:3"))
    assert live(run) == "failed"
    note_crash(run.path, run.worker()["process"], 1)
    assert run.crash() is None
