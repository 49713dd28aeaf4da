"""A run folder says what is true, whoever reads it and whatever happened to it."""

from __future__ import annotations

import math
import multiprocessing
import os
import subprocess
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from core.runs import presence
from core.runs.folder import Run
from core.runs.listing import list_runs
from core.runs.records import About
from core.runs.store import open_run
from core.system import files, processes
from core.system.locks import FileLock, is_locked
from tests.core.runs.conftest import end
from tests.core.runs.damage import KINDS, damage_run
from tests.core.workers import tiny_spec
from tests.made_runs import create_run

DAY = 86_400.0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "x" * 201}, "name"),
        ({"tags": ["x" * 61]}, "tags"),
        ({"note": 3}, "note"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_said_about_a_run_is_refused_by_field(run: Run, changes: dict, field: str) -> None:
    before = run.about
    with pytest.raises(ValueError, match=field):
        run.update_about(**changes)
    assert run.about == before


def test_what_people_say_about_a_run_is_kept(run: Run) -> None:
    run.update_about(name="Ünï \u202e<b>", tags=["a", "a", " b ", ""], note="two\nlines", archived=True)
    assert asdict(run.about) | {"created": 0} == asdict(
        About(name="Ünï \u202e<b>", tags=("a", "b"), note="two\nlines", archived=True)
    )


# States


@pytest.mark.parametrize("state", ["finished", "failed", "stopped", "pruned"])
def test_an_end_that_was_written_is_the_state(run: Run, state: str) -> None:
    end(run, state)
    assert run.state() == state


def test_a_held_lock_is_queued_before_the_start_and_running_after(interrupted: Run) -> None:
    with FileLock(interrupted.path / "run.lock") as lock:
        assert lock.try_acquire()
        assert interrupted.state() == "queued"
        files.write_json(interrupted.path / "environment.json", {})
        assert interrupted.state() == "running"
    assert interrupted.state() == "interrupted"


def test_a_worker_that_comes_between_two_looks_is_no_interruption(
    interrupted: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FileLock(interrupted.path / "run.lock") as lock:
        # It takes its lock and removes the note of its launch after the first look and before the second.
        monkeypatch.setattr(presence, "is_starting", lambda _: not lock.try_acquire())
        assert interrupted.state() == "queued"


def test_readers_of_a_lock_never_take_each_other_for_the_worker(interrupted: Run) -> None:
    path = interrupted.path / "run.lock"
    path.touch()
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert not any(pool.map(_ask_often, [path] * 4, chunksize=1))


def _ask_often(path: Path) -> bool:
    return any(is_locked(path) for _ in range(2000))


@pytest.mark.parametrize("days", [1, -1])
def test_a_clock_that_jumps_changes_no_state(runs: Path, monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    ended, dead, alive = (open_run(create_run(tiny_spec())) for _ in range(3))
    end(ended)
    for each in (dead, alive):
        (each.path / "launched").unlink()
    files.write_json(alive.path / "environment.json", {})
    with FileLock(alive.path / "run.lock") as lock:
        assert lock.try_acquire()
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + days * DAY)
        assert [each.state() for each in (ended, dead, alive)] == ["finished", "interrupted", "running"]
        assert {summary.state for summary in list_runs()} == {"finished", "interrupted", "running"}


def test_a_process_that_was_given_a_dead_workers_id_is_never_killed(interrupted: Run) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        recorded = processes.identify(stranger.pid)
        assert recorded
        # The same process id, but another start, or another start of the machine.
        for change in ({"started": recorded["started"] - 1}, {"boot": "an earlier one"}, {"host": "another"}):
            files.write_json(interrupted.path / "worker.json", {"process": recorded | change})
            with FileLock(interrupted.path / "run.lock") as lock:
                assert lock.try_acquire()
                assert not interrupted.kill()
        # And with nobody holding the lock, not even the very process.
        files.write_json(interrupted.path / "worker.json", {"process": recorded})
        assert not interrupted.kill()
        assert stranger.poll() is None
        stranger.kill()


# Damage


@pytest.mark.parametrize("name", ["test_last", "val_classes"])
def test_a_pipe_among_the_predictions_counts_as_missing(run: Run, name: str) -> None:
    (run.path / "predictions").mkdir()
    os.mkfifo(run.path / "predictions" / (f"{name}.npy" if name == "test_last" else f"{name}.bin"))
    files.write_json(run.path / "environment.json", {"val_images": 3, "val_classes_dtype": "uint8"})
    assert (run.predictions("test_last"), run.val_classes()) == (None, None)


@pytest.mark.parametrize("content", [b"x}", b'{"pid": "one"}', b"[]", b"{}"])
def test_an_odd_note_of_a_launch_takes_no_list_down(runs: Path, content: bytes) -> None:
    (open_run(create_run(tiny_spec())).path / "launched").write_bytes(content)
    (listed,) = list_runs()
    assert listed.state in ("queued", "interrupted")


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_run_is_listed_with_its_reason_and_hurts_no_other(runs: Path, kind: str) -> None:
    sound, broken = create_run(tiny_spec()), open_run(create_run(tiny_spec()))
    damage_run(broken, kind)
    listed = {summary.id: summary for summary in list_runs()}
    assert listed[sound].state == "queued"
    assert listed[broken.id].state == open_run(broken.id).state() == "damaged"
    assert ".json" in listed[broken.id].reason
    assert "Traceback" not in listed[broken.id].reason


def test_an_unreadable_metrics_or_progress_file_hides_no_run(run: Run) -> None:
    (run.path / "metrics.jsonl").write_bytes(b"\xff\x00{]\n" * 3)
    (run.path / "progress.json").write_text("{")
    (run.path / "checkpoints").write_text("no folder")
    end(run)
    assert run.summary().state == "finished"
    assert (run.rows(), run.progress(), run.checkpoints()) == ([], None, [])


# Figures


def test_a_summary_tells_best_last_and_test_figures(run: Run) -> None:
    rows = [
        {"epoch": n, "val/accuracy": v, "val/loss": 1 - v, "seconds": 2.0 * n} for n, v in enumerate((0.5, 0.9, 0.7), 1)
    ]
    (run.path / "metrics.jsonl").write_bytes(b"".join(map(files.to_line, rows)))
    end(run, reason="All epochs done.", metrics={"test/accuracy": 0.8, "test/accuracy_best": 0.85})
    found = run.summary()
    assert (found.best_val_accuracy, found.last_val_accuracy, found.test_accuracy) == (0.9, 0.7, 0.8)
    assert found.best_val_loss == pytest.approx(0.1)
    assert (found.epoch, found.epochs, found.seconds, found.curve) == (3, 5, 6.0, (0.5, 0.9, 0.7))


def test_a_finished_run_with_fewer_lines_than_epochs_says_so(run: Run) -> None:
    files.write_json(run.path / "end.json", {"state": "finished", "epoch": 2})
    lines = b'{"epoch": 1}\n{"epoch": 2}\n'
    (run.path / "metrics.jsonl").write_bytes(lines)
    assert run.remarks() == []
    (run.path / "metrics.jsonl").write_bytes(lines[:-1])
    assert run.state() == "finished"
    [remark] = run.remarks()
    assert remark.startswith("metrics.jsonl holds 1 of its 2 epochs")


def test_figures_that_are_not_finite_leave_gaps_and_no_trouble(run: Run) -> None:
    rows = [
        {"epoch": 1, "val/accuracy": math.nan, "val/loss": math.inf},
        {"epoch": 2, "val/accuracy": 0.5, "val/loss": 1.0},
    ]
    (run.path / "metrics.jsonl").write_bytes(b"".join(map(files.to_line, rows)))
    frame = run.metrics()
    assert frame["val/loss"].isna().tolist() == [True, False]
    assert list(frame) == ["epoch", "val/accuracy", "val/loss"]
    assert run.summary().best_val_accuracy == 0.5


def test_a_frame_that_somebody_changes_is_nobody_elses(run: Run) -> None:
    (run.path / "metrics.jsonl").write_bytes(files.to_line({"epoch": 1, "val/loss": 0.5}))
    frame = run.metrics()
    frame["val/loss"] = 9.0
    assert run.metrics()["val/loss"].tolist() == [0.5]
    with open(run.path / "metrics.jsonl", "ab") as file:
        file.write(files.to_line({"epoch": 2, "val/loss": 0.25}))
    assert run.metrics()["val/loss"].tolist() == [0.5, 0.25]
