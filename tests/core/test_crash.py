"""Workers die at any moment, and nothing is lost: state, weights, metrics and the queue come out right."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from core.engine import checkpoint
from core.launcher import request_stop, resume_run, start_run
from core.runs import Run, list_runs, open_run
from tests.core.workers import tiny_spec, wait_for, wait_for_state

TIMING = ["seconds", "images_per_second"]
EPOCHS = 12


def last_state(run: Run) -> dict[str, Any]:
    newest = run.checkpoints()[-1]
    return checkpoint.load(newest.path, newest.sha256)


def assert_same(one: Any, other: Any, path: str = "") -> None:
    """Nested dicts and lists with equal tensors, but for what a clock measured."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), path
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), path
        for key in one.keys() - {*TIMING, "epoch_seconds"}:
            assert_same(one[key], other[key], f"{path}.{key}")
    elif isinstance(one, list | tuple):
        for place, (left, right) in enumerate(zip(one, other, strict=True)):
            assert_same(left, right, f"{path}[{place}]")
    else:
        assert one == other, path


def assert_same_result(run: Run, undisturbed: Run) -> None:
    """Weights, optimizer, metrics and every prediction, bit for bit; each epoch once."""
    assert_same(last_state(run), last_state(undisturbed))
    figures, expected = run.metrics(), undisturbed.metrics()
    assert list(figures["epoch"]) == list(range(1, EPOCHS + 1))
    kept = [name for name in expected if name not in TIMING and not name.startswith("system/")]
    pd.testing.assert_frame_equal(figures[kept], expected[kept], check_exact=True)
    assert np.array_equal(run.val_classes(), undisturbed.val_classes())
    for name in ("val_best", "test_last", "test_best", "val_labels", "test_labels"):
        assert np.array_equal(run.predictions(name), undisturbed.predictions(name))
    assert_same(run.end()["metrics"] | {"train_seconds": 0}, undisturbed.end()["metrics"] | {"train_seconds": 0})


@pytest.fixture
def undisturbed(quick_workers: Path) -> Run:
    run = open_run(start_run(tiny_spec(epochs=EPOCHS)))
    assert wait_for_state(run, "finished", "failed") == "finished", run.log_tail()
    return run


@pytest.mark.slow
def test_a_worker_killed_at_twenty_random_moments_ends_with_identical_weights_and_metrics(undisturbed: Run) -> None:
    rng = random.Random(20)
    life = undisturbed.end()["ended"] - undisturbed.environment()["started"]
    kills, slowest = 0, 0.0
    while kills < 20:
        run = open_run(start_run(tiny_spec(epochs=EPOCHS)))
        for _ in range(5):
            wait_for(lambda run=run: run.is_alive() or run.end())
            time.sleep(rng.uniform(0, life / 2))
            run.kill()
            asked = time.monotonic()
            state = wait_for_state(run, "interrupted", "finished", seconds=3)
            slowest = max(slowest, time.monotonic() - asked)
            if state == "finished":
                break
            kills += 1
            assert run.metrics().empty or run.metrics()["epoch"].is_monotonic_increasing
            resume_run(run.id)
        assert wait_for_state(run, "finished", "failed") == "finished", run.log_tail()
        assert_same_result(run, undisturbed)
    print(f"{kills} kills, state right after at most {slowest:.3f} s")


def test_a_stopped_run_goes_on_exactly_where_it_stopped(undisturbed: Run) -> None:
    run = open_run(start_run(tiny_spec(epochs=EPOCHS)))
    for epochs in (1, 4):
        wait_for(lambda epochs=epochs: len(run.rows()) >= epochs)
        assert request_stop(run.id)
        assert wait_for_state(run, "stopped", "failed") == "stopped", run.log_tail()
        resume_run(run.id)
    assert wait_for_state(run, "finished", "failed") == "finished", run.log_tail()
    assert_same_result(run, undisturbed)


def test_two_runs_on_one_slot_train_one_after_another(quick_workers: Path) -> None:
    first, second = (open_run(start_run(tiny_spec(epochs=EPOCHS))) for _ in range(2))
    wait_for_state(first, "running")
    assert second.state() == "queued"
    assert wait_for_state(second, "running", "failed") == "running"
    assert first.state() == "finished"
    assert wait_for_state(second, "finished", "failed") == "finished"
    assert first.end()["ended"] <= second.environment()["started"]


def test_the_next_in_line_starts_when_the_holder_of_the_slot_is_killed(quick_workers: Path) -> None:
    first, second = (open_run(start_run(tiny_spec(epochs=10_000))) for _ in range(2))
    wait_for(lambda: first.rows() and second.is_alive())
    assert first.kill()
    assert wait_for_state(second, "running", "failed") == "running"
    assert first.state() == "interrupted"


def test_training_goes_on_when_the_process_that_started_it_is_killed(runs: Path) -> None:
    code = (
        "import os, signal; from core.launcher import start_run; from tests.core.workers import tiny_spec;"
        f"start_run(tiny_spec(epochs={EPOCHS})); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -signal.SIGKILL
    (summary,) = list_runs()
    run = open_run(summary.id)
    assert run.state() in ("queued", "running")
    assert wait_for_state(run, "finished", "failed", "interrupted") == "finished", run.log_tail()
    assert len(run.rows()) == EPOCHS


def test_a_half_written_line_is_not_shown_and_goes_when_the_run_resumes(undisturbed: Run) -> None:
    run = open_run(start_run(tiny_spec(epochs=EPOCHS)))
    wait_for(lambda: len(run.rows()) >= 2)
    run.kill()
    wait_for_state(run, "interrupted")
    whole = len(run.rows())
    with open(run.path / "metrics.jsonl", "ab") as file:
        file.write(b'{"epoch": 3, "train/lo')
    assert len(run.rows()) == whole
    resume_run(run.id)
    assert wait_for_state(run, "finished", "failed") == "finished", run.log_tail()
    assert_same_result(run, undisturbed)


def test_a_damaged_checkpoint_is_refused_and_the_one_before_is_used(undisturbed: Run) -> None:
    run = open_run(start_run(tiny_spec(epochs=EPOCHS)))
    wait_for(lambda: len(run.checkpoints()) >= 2)
    run.kill()
    wait_for_state(run, "interrupted")
    damaged = run.checkpoints()[-1]
    content = bytearray(damaged.path.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.path.write_bytes(content)
    resume_run(run.id)
    assert wait_for_state(run, "finished", "failed") == "finished", run.log_tail()
    assert damaged.name in run.environment()["notes"][0]
    assert damaged.name in run.log_tail()
    assert_same_result(run, undisturbed)


def test_a_run_whose_list_of_checkpoints_is_damaged_is_not_trained_from_the_start(quick_workers: Path) -> None:
    run = open_run(start_run(tiny_spec(epochs=10_000)))
    wait_for(lambda: len(run.checkpoints()) >= 2)
    run.kill()
    wait_for_state(run, "interrupted")
    (run.path / "checkpoints" / "manifest.json").write_text("{")
    kept = sorted(path.name for path in (run.path / "checkpoints").glob("*.pt"))
    resume_run(run.id)
    assert wait_for_state(run, "failed", "finished") == "failed"
    assert "manifest.json" in run.summary().reason
    assert sorted(path.name for path in (run.path / "checkpoints").glob("*.pt")) == kept
