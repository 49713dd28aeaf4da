"""Workers die, and nothing is lost: state, weights, metrics and the queue come out right."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from core.launch.launcher import request_stop, resume_run, start_run
from core.runs.folder import Run
from core.runs.listing import list_runs
from core.runs.store import open_run
from tests.core.same_result import assert_same_result
from tests.core.workers import tiny_spec, wait_for, wait_for_state

EPOCHS = 12


@pytest.fixture
def undisturbed(quick_workers: Path) -> Run:
    run = open_run(start_run(tiny_spec(epochs=EPOCHS)))
    assert wait_for_state(run, "finished", "failed") == "finished", run.log_tail()
    return run


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
        "import os, signal; from core.launch.launcher import start_run; from tests.core.workers import tiny_spec;"
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
    kept = sorted(path.name for path in (run.path / "checkpoints").glob("*.safetensors"))
    resume_run(run.id)
    assert wait_for_state(run, "failed", "finished") == "failed"
    assert "manifest.json" in run.summary().reason
    assert sorted(path.name for path in (run.path / "checkpoints").glob("*.safetensors")) == kept
