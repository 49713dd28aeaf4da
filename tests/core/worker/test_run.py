"""However a run ends, its folder says so in a sentence; while it waits it weighs next to nothing."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
from typer.testing import CliRunner

from core.cli.app import app
from core.compare.snapshot import read_runs
from core.compare.units import make_units
from core.compare.verdicts import collect_predictions
from core.examine.predictions import read_stored, work_out
from core.examine.weights import find_weights
from core.launch.environment import worker_environment
from core.launch.launcher import delete_run, resume_run, start_run
from core.machine import queue
from core.runs import layout, presence
from core.runs.folder import Run
from core.runs.store import open_run
from core.spec import RunSpec
from core.system.errors import LabError
from core.system.folders import PROJECT
from core.system.locks import FileLock
from core.worker import run as run_module
from core.worker.stop import StopSignal
from tests.core.workers import is_gone, start_worker, tiny_spec, wait_for, wait_for_state
from tests.made_runs import create_run

FOREVER = tiny_spec(epochs=10_000)


def train(spec: RunSpec, setup: partial | None = None) -> Run:
    """The run, at its end."""
    run = open_run(create_run(spec))
    presence.mark_launch(run.path, start_worker(run, setup))
    wait_for(lambda: run.end() or (not run.is_alive() and run.state() == "interrupted"))
    return run


def test_a_finished_run_has_figures_predictions_and_the_machine_it_ran_on(quick_workers: Path) -> None:
    run = train(tiny_spec())
    summary, end, environment = run.summary(), run.end(), run.environment()
    assert (summary.state, summary.reason, summary.epoch) == ("finished", "All epochs done.", 5)
    assert list(run.metrics()["epoch"]) == [1, 2, 3, 4, 5]
    logits, labels = run.predictions("test_last"), run.predictions("test_labels")
    assert (
        np.mean(logits.argmax(1) == labels) == pytest.approx(end["metrics"]["test/accuracy"]) == summary.test_accuracy
    )
    val_right = (run.val_classes() == run.predictions("val_labels")).mean(1)
    assert np.allclose(val_right, run.metrics()["val/accuracy"])
    assert environment["parameters"] == summary.parameters
    assert environment["versions"]["torch"]
    assert environment["data_fingerprint"]
    assert (environment["device"], environment["notes"]) == ("cpu", [])
    assert {"epoch", "step", "steps", "phase", "seconds_left", "cpu_percent"} <= run.progress().keys()


def test_the_last_two_checkpoints_and_the_best_are_kept_and_all_verify(quick_workers: Path) -> None:
    from core.engine import checkpoint

    # A rate this high spoils what the first epochs have learnt, so that the best lies before the last two.
    run = train(tiny_spec(epochs=8, learning_rate=3.0, schedule="constant", optimizer="sgd", nesterov=False))
    assert run.state() == "finished", run.summary().reason
    kept = run.checkpoints()
    best = int(run.end()["metrics"]["best/epoch"])
    assert [entry.epoch for entry in kept] == sorted({best, 7, 8})
    assert [entry.epoch for entry in kept if entry.kind == "best"] == [best]
    assert {path.name for path in (run.path / "checkpoints").iterdir()} == {e.name for e in kept} | {"manifest.json"}
    for entry in kept:
        assert checkpoint.load(entry.path, entry.sha256)["epoch"] == entry.epoch
        assert entry.bytes == entry.path.stat().st_size


def test_ctrl_c_stops_a_run_like_the_button(quick_workers: Path) -> None:
    run = open_run(start_run(FOREVER))
    wait_for(lambda: len(run.rows()) > 1)
    os.kill(run.worker()["process"]["pid"], signal.SIGINT)
    assert wait_for_state(run, "stopped", "failed", "interrupted", seconds=10) == "stopped"
    assert run.checkpoints()[-1].name.endswith("-stopped.safetensors")
    assert f"epoch {run.rows()[-1]['epoch'] + 1}" in run.summary().reason


def test_a_run_that_the_system_ends_goes_on_when_the_same_worker_is_started_again(quick_workers: Path) -> None:
    spec = tiny_spec(epochs=60)
    run = open_run(create_run(spec))
    presence.mark_launch(run.path, start_worker(run))
    wait_for(lambda: len(run.rows()) > 1)
    os.kill(run.worker()["process"]["pid"], signal.SIGTERM)
    assert wait_for_state(run, "interrupted", "stopped", "failed", "finished", seconds=10) == "interrupted"
    assert run.summary().reason.startswith("Ended by the system (SIGTERM)")
    assert run.checkpoints()[-1].name.endswith("-stopped.safetensors")
    left_at = len(run.rows())
    start_worker(run)
    assert wait_for_state(run, "finished", "failed", "stopped") == "finished", run.log_tail()
    assert "began again" not in run.log_tail()
    assert list(run.metrics()["epoch"]) == list(range(1, 61))
    assert run.environment()["epochs_done"] == left_at
    assert (run.path / "environment-1.json").exists()


def _read_slowly() -> None:
    """Reading the images takes an hour."""
    import time

    from core.engine import data

    data.load_data = lambda _: time.sleep(3600)


def test_a_stop_while_the_images_are_read_is_heard(quick_workers: Path) -> None:
    run = open_run(create_run(tiny_spec()))
    start_worker(run, _read_slowly)
    wait_for(lambda: run.state() == "running")
    (run.path / "stop").touch()
    assert wait_for_state(run, "stopped", "failed", "interrupted", seconds=10) == "stopped"


# Failures


def _raise_in_training(error: Exception) -> None:
    from core.engine import train

    def broken(*_: object, **__: object) -> object:
        raise error

    train.train = broken


@pytest.mark.parametrize(
    ("error", "kind", "sentence"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full", "disk full"),
        (
            OSError(errno.EIO, "Input/output error", "/some/metrics.jsonl"),
            "io",
            "error (metrics.jsonl)",
        ),
        (MemoryError(), "out_of_memory", "memory ran out"),
        (ZeroDivisionError("division by zero"), "error", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_failure_is_a_sentence_and_its_traceback_is_in_the_log_alone(
    quick_workers: Path, error: Exception, kind: str, sentence: str
) -> None:
    run = train(tiny_spec(), partial(_raise_in_training, error))
    assert (run.state(), run.end()["kind"]) == ("failed", kind)
    assert sentence in run.summary().reason
    assert "Traceback" not in run.summary().reason
    assert "/" not in run.summary().reason.replace("input/output", "")
    assert kind == "disk_full" or "Traceback" in run.log_tail()
    wait_for(lambda: queue.read_slots(quick_workers, "cpu") == [None])


def test_a_loss_that_is_not_a_number_ends_the_run_with_advice(quick_workers: Path) -> None:
    run = train(tiny_spec(epochs=50, learning_rate=100.0, optimizer="sgd", momentum=0.99, schedule="constant"))
    if run.state() == "finished":
        pytest.skip("this network survived a learning rate of 100")
    assert (run.state(), run.end()["kind"]) == ("failed", "nan")
    assert "learning rate" in run.summary().reason


def test_images_that_are_not_there_end_the_run_with_a_sentence(quick_workers: Path) -> None:
    spec = tiny_spec()
    data = spec.data.model_copy(update={"dataset": "folder", "folder": "/nowhere/at/all"})
    run = train(spec.model_copy(update={"data": data}))
    assert (run.state(), run.end()["kind"]) == ("failed", "data")
    assert "Traceback" not in run.log_tail()


def test_a_device_that_this_machine_lacks_ends_the_run_with_a_sentence(quick_workers: Path) -> None:
    run = train(tiny_spec(device="cuda:3"))
    assert (run.state(), run.end()["kind"]) == ("failed", "device")
    assert run.summary().reason == "train.device = cuda:3: this machine has only cpu."


def _fill_disk_after(writes: int) -> None:
    """From the n-th new file in checkpoints/ on, the disk takes nothing but what was reserved."""
    from core.engine import checkpoint
    from core.system import files

    save, write_bytes, left = checkpoint.save, files.write_bytes, [writes]

    def full(path: Path) -> bool:
        return left[0] <= 0 and (path.parent / layout.RESERVE).exists()

    def save_or_fail(state: dict, path: Path) -> str:
        left[0] -= 1
        if left[0] <= 0:
            error = OSError(errno.ENOSPC, "No space left on device")
            raise checkpoint.CheckpointError(checkpoint._describe(path, error)) from error
        return save(state, path)

    def write_or_fail(path: Path, content: bytes, *, sync: bool = True) -> None:
        if full(path):
            raise OSError(errno.ENOSPC, "No space left on device")
        write_bytes(path, content, sync=sync)

    checkpoint.save, files.write_bytes = save_or_fail, write_or_fail


def test_a_full_disk_is_told_and_the_run_goes_on_when_there_is_room_again(quick_workers: Path) -> None:
    run = train(tiny_spec(), partial(_fill_disk_after, 3))
    assert (run.state(), run.end()["kind"]) == ("failed", "disk_full")
    assert "disk full" in run.summary().reason
    assert [entry.epoch for entry in run.checkpoints()] == [1, 2]
    resume_run(run.id)
    assert wait_for_state(run, "finished", "failed") == "finished"
    assert list(run.metrics()["epoch"]) == [1, 2, 3, 4, 5]


def test_a_worker_whose_run_is_deleted_under_it_ends_quietly(quick_workers: Path) -> None:
    run = open_run(start_run(FOREVER))
    wait_for(run.rows)
    worker = run.worker()["process"]["pid"]
    delete_run(run.id)
    wait_for(lambda: is_gone(worker))
    assert [name for name in os.listdir(quick_workers) if not name.startswith(".")] == []


def test_a_second_worker_of_the_same_run_leaves_it_alone(quick_workers: Path) -> None:
    run = open_run(start_run(FOREVER))
    wait_for(run.rows)
    before = run.worker()
    second = start_worker(run)
    wait_for(lambda: is_gone(second))
    assert (run.state(), run.worker()) == ("running", before)


def _meet_a_rival() -> None:
    from core.runs import presence

    presence.find_rival = lambda *_: "node07"


def test_a_worker_leaves_a_run_alone_that_another_machine_trains(quick_workers: Path) -> None:
    run = open_run(create_run(tiny_spec()))
    before = sorted(path.name for path in run.path.iterdir())
    worker = start_worker(run, _meet_a_rival)
    wait_for(lambda: is_gone(worker))
    assert "The machine node07 trains this run" in run.log_tail()
    assert sorted({path.name for path in run.path.iterdir()} - {"log.txt", "run.lock"}) == before


def test_a_request_to_stop_that_comes_while_a_failure_is_written_takes_no_end_away(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = open_run(create_run(tiny_spec()))
    stop, write = StopSignal(run.path), run_module.end_run

    def fail(*_: object) -> int:
        stop.breaks_in = True  # as while images are read
        raise LabError("The images are gone.")

    def write_late(*asked: Any, **more: Any) -> int:
        signal.raise_signal(signal.SIGTERM)
        return write(*asked, **more)

    monkeypatch.setattr(run_module, "end_run", write_late)
    place = SimpleNamespace(device="cpu", release=lambda: None)
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    stop.listen()
    try:
        assert run_module.drive_run(runs, run.path, stop, fail, lambda *_: place) == 1
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
    assert (run.state(), run.summary().reason) == ("failed", "The images are gone.")


# Waiting


def test_a_waiting_worker_takes_at_most_ten_megabytes(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESNET_LAB_DEVICES", "cpu")
    run = open_run(create_run(tiny_spec()))
    with FileLock(queue.slot_path(runs, "cpu", 0)) as lock:
        assert lock.try_acquire()
        command = [sys.executable, "-m", "core.worker", run.id]
        with subprocess.Popen(command, cwd=PROJECT, env=worker_environment(), stdout=subprocess.PIPE) as worker:
            # Its first line comes when all it needs for waiting is loaded.
            assert worker.stdout
            assert b"Waiting" in worker.stdout.readline()
            megabytes = psutil.Process(worker.pid).memory_full_info().uss / 2**20
            assert run.state() == "queued"
            worker.send_signal(signal.SIGINT)
            assert worker.wait(20) == 0
    print(f"a waiting worker takes {megabytes:.1f} MB")
    assert megabytes <= 10
    assert (run.state(), run.summary().reason) == ("stopped", "Stopped while it waited in the queue.")
    assert queue.read_queue(runs) == []


def test_every_door_shows_the_accuracies_of_the_records_also_of_a_run_that_diverged(quick_workers: Path) -> None:
    """Its logits are far beyond float16, in which they were once stored, clamped and so equal."""
    run = train(tiny_spec(optimizer="sgd", learning_rate=50.0, schedule="constant", seed=2, epochs=2))
    end, rows = run.results(), run.rows()
    assert np.abs(run.predictions("val_last")).max() > 65504
    recorded = {
        "last": {"val": rows[-1]["val/accuracy"], "test": end["test/accuracy"]},
        "best": {"val": end["best/val_accuracy"], "test": end["test/accuracy_best"]},
    }
    assert recorded["best"]["val"] == max(row["val/accuracy"] for row in rows)
    for key, accuracies in recorded.items():
        weights = find_weights(run, key)
        stored = {split: read_stored(run, weights, split) for split in accuracies}
        assert {split: work_out(each).accuracy.value for split, each in stored.items()} == accuracies
        shown = CliRunner().invoke(app, ["evaluate", run.id, "--checkpoint", key, "--json"])
        found = json.loads(shown.stdout)
        assert (found["validation"]["accuracy"], found["test"]["accuracy"]) == (accuracies["val"], accuracies["test"])
        (unit,) = make_units(read_runs([run.id]), fold=False)
        predictions, _ = collect_predictions(unit, key)
        assert [each.correct.mean() for each in predictions.values()] == [accuracies["test"]]


def test_the_rule_keeps_every_kth_checkpoint_and_those_before_a_drop(quick_workers: Path) -> None:
    from core.engine import checkpoint

    run = train(tiny_spec(epochs=9, keep_every=4, schedule="step", milestones=[3, 6], keep_before_drops=True))
    kept = run.checkpoints()
    best = int(run.end()["metrics"]["best/epoch"])
    assert [entry.epoch for entry in kept] == sorted({3, 4, 6, 8, 9, best})
    assert [entry.epoch for entry in kept if entry.kept] == [3, 4, 6, 8]
    for entry in kept:
        assert checkpoint.load(entry.path, entry.sha256)["epoch"] == entry.epoch


def test_before_a_drop_on_a_plateau_the_checkpoint_is_kept(quick_workers: Path) -> None:
    settings = {"schedule": "plateau", "plateau_patience": 1, "learning_rate": 3.0, "optimizer": "sgd"}
    run = train(tiny_spec(epochs=9, nesterov=False, keep_before_drops=True, **settings))
    rates = run.metrics()["learning_rate"].tolist()
    dropped = [epoch for epoch in range(1, 9) if rates[epoch] < rates[epoch - 1]]
    assert dropped
    kept = [entry.epoch for entry in run.checkpoints() if entry.kept]
    assert [epoch for epoch in kept if epoch < 9] == dropped
