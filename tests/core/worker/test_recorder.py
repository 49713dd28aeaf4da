"""What a run has recorded can be taken up again from any moment: metrics, classes and checkpoints go together."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.engine.events import EpochEnd, Progress, Started, Stopped
from core.runs import layout
from core.runs.folder import Run
from core.runs.store import open_run
from core.worker.recorder import Recorder, cut_metrics
from tests.core.workers import tiny_spec
from tests.made_runs import create_run


@pytest.fixture
def run(runs: Path) -> Run:
    return open_run(create_run(tiny_spec(epochs=10)))


def save(state: dict[str, Any], path: Path) -> str:
    path.write_text(json.dumps(state))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load(path: Path, sha256: str) -> dict[str, Any]:
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise ValueError(f"{path.name} is damaged.")
    state: dict[str, Any] = json.loads(path.read_text())
    return state


def record(run: Run, epochs: int, best: int) -> Recorder:
    """A recorder that has recorded so many epochs; each predicts its own number for two images."""
    recorder = Recorder(run, "cpu", save)
    for epoch in range(1, epochs + 1):
        metrics = {"epoch": epoch, "val/loss": 1 / epoch, "images_per_second": 1.0}
        logits = np.eye(10, dtype=np.float16)[[epoch, epoch]]
        state = {"epoch": epoch, "seconds": 2.5 * epoch}
        recorder.record(EpochEnd(epoch, metrics, logits, is_best=epoch == best, state=state))
    return recorder


def read_epochs(run: Run) -> list[int]:
    return [json.loads(line)["epoch"] for line in (run.path / layout.METRICS).read_text().splitlines()]


def test_the_best_checkpoint_and_the_two_newest_are_kept(run: Run) -> None:
    record(run, 5, best=2)
    assert [(entry.epoch, entry.kind) for entry in run.checkpoints()] == [(2, "best"), (4, "last"), (5, "last")]
    held = {path.name for path in (run.path / layout.CHECKPOINTS).iterdir()}
    assert held == {entry.name for entry in run.checkpoints()} | {layout.MANIFEST}


def test_a_stop_adds_a_checkpoint_and_overwrites_none(run: Run) -> None:
    recorder = record(run, 2, best=2)
    recorder.record(Stopped({"epoch": 2, "batch": 3}))
    recorder.record(Stopped({"epoch": 2, "batch": 4}))
    assert len({entry.name for entry in run.checkpoints()}) == len(run.checkpoints()) == 3
    state, notes = Recorder(run, "cpu", save).restore(load, ValueError)
    assert (state, notes) == ({"epoch": 2, "batch": 4}, [])


def test_what_came_after_the_checkpoint_is_cut_off(run: Run) -> None:
    record(run, 3, best=3)
    (run.path / layout.CHECKPOINTS / ".half").touch()
    with (run.path / layout.METRICS).open("a") as file:
        file.write('{"epoch": 4}\n{"epo')
    with (run.path / layout.PREDICTIONS / layout.VAL_CLASSES).open("ab") as file:
        file.write(b"\x09\x09")
    recorder = Recorder(run, "cpu", save)
    state, notes = recorder.restore(load, ValueError)
    assert (state, notes) == ({"epoch": 3, "seconds": 7.5}, [])
    assert (recorder.epoch, recorder.clock.before) == (3, 7.5)
    assert read_epochs(run) == [1, 2, 3]
    assert (run.path / layout.PREDICTIONS / layout.VAL_CLASSES).read_bytes() == bytes([1, 1, 2, 2, 3, 3])
    assert not list((run.path / layout.CHECKPOINTS).glob(".*"))


def test_a_damaged_checkpoint_gives_way_to_the_one_before_and_is_named(run: Run) -> None:
    newest = record(run, 3, best=3).checkpoints[-1]
    newest.path.write_text("spoiled")
    state, notes = Recorder(run, "cpu", save).restore(load, ValueError)
    assert state == {"epoch": 2, "seconds": 5.0}
    assert notes == [f"{newest.name} is damaged.", "Went on from epoch-00002.safetensors, after epoch 2."]
    assert read_epochs(run) == [1, 2]


def test_without_a_sound_checkpoint_the_training_begins_again_and_says_so(run: Run) -> None:
    for entry in record(run, 2, best=2).checkpoints:
        entry.path.unlink()
    state, notes = Recorder(run, "cpu", save).restore(load, ValueError)
    assert state is None
    assert notes[-1] == "There was no checkpoint to go on from: the training began again at the first epoch."
    assert read_epochs(run) == []


@pytest.mark.parametrize(
    ("content", "size", "expected"),
    [
        (b"1\n2\n3\n", 4, b"1\n2\n"),
        (b"1\n2\n3", 4, b"1\n2\n"),
        (b"one\n2\n3\n", 5, b"one\n2\n"),  # somebody changed a line: as many lines as epochs stay
        (b"1\n", 6, b"1\n"),
        (b"1\n2\n", 0, b""),
    ],
)
def test_metrics_are_cut_to_whole_lines(content: bytes, size: int, expected: bytes, tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(content)
    cut_metrics(path, size, size // 2)
    assert path.read_bytes() == expected


def test_progress_is_shown_with_the_machines_use(run: Run) -> None:
    recorder = Recorder(run, "cpu", save)
    recorder.record(Started("cpu", "A", "float32", 1, 1, epoch=4, threads=1))
    assert run.progress().items() >= {"phase": "train", "epoch": 4, "step": 0, "steps": 1}.items()
    recorder.record(Progress(5, 3, 8, 0.5, 120.0))
    shown = run.progress()
    assert shown.items() >= {"epoch": 5, "epochs": 10, "step": 3, "steps": 8, "loss": 0.5}.items()
    assert shown["memory_bytes"] > 1_000_000
