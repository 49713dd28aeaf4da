"""Disk use is that of every file, and freeing it keeps every result."""

import os

import pytest

from core.launch.disk import delete_checkpoints, measure_runs
from core.launch.launcher import LauncherError
from core.runs.store import open_run
from tests.pages.sample_runs import add_checkpoint, make_run, training

pytestmark = pytest.mark.usefixtures("lab_folders")


def test_disk_use_counts_every_file_of_a_run() -> None:
    run = make_run(name="large")
    add_checkpoint(run, b"x" * 50_000)
    make_run(name="small")
    largest, smallest = measure_runs()
    assert (largest.name, smallest.name) == ("large", "small")
    assert largest.bytes == sum(path.stat().st_size for path in run.path.rglob("*") if path.is_file())
    assert largest.checkpoint_bytes > 50_000
    assert smallest.checkpoint_bytes == 0


def test_deleting_checkpoints_keeps_every_result() -> None:
    run = make_run()
    add_checkpoint(run, b"x" * 10_000)
    before = run.summary()
    assert delete_checkpoints(run.id) > 10_000
    assert open_run(run.id).checkpoints() == []
    assert run.summary() == before
    assert not list(run.path.glob(".checkpoints*"))


def test_what_a_killed_process_left_of_checkpoints_is_counted_and_goes_the_next_time() -> None:
    run = make_run()
    left = run.path / ".checkpoints-1"
    left.mkdir()
    (left / "epoch-00001.safetensors").write_bytes(b"x" * 70_000)
    os.utime(run.path, (1, 1))  # or all of this could be within one tick of the file system's clock
    assert measure_runs()[0].checkpoint_bytes == 70_000
    assert delete_checkpoints(run.id) == 70_000
    assert not list(run.path.glob(".checkpoints*"))
    assert measure_runs()[0].checkpoint_bytes == 0


def test_checkpoints_of_a_run_that_trains_are_not_deleted() -> None:
    run = make_run(epochs_done=1)
    add_checkpoint(run)
    with training(run), pytest.raises(LauncherError, match="not over yet"):
        delete_checkpoints(run.id)
    assert run.checkpoints()
