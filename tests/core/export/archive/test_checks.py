"""What is no run of ours is refused with a sentence and leaves nothing behind."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.export.archive.checks import check_checkpoint
from core.export.archive.unpack import import_runs
from core.launch.launcher import delete_run
from core.runs.robustness import Robustness, keep_measured, read_measured
from core.runs.store import open_run
from core.system import files
from core.system.tensor_file import FORMAT
from tests.bundles import CLASSES, build, make_whole_run, pack, seal, write_checkpoint, write_old_checkpoint
from tests.core.export.archive.refusals import refuse


def npy(array: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


ROW = (
    b'{"epoch": 1, "step": 1, "train/loss": 1, "train/accuracy": 1, "val/loss": 1, "val/accuracy": %s, '
    b'"learning_rate": 1, "images_per_second": 1, "seconds": 1}\n'
)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("spec.json", b"{", "spec.json: "),
        ("spec.json", b'{"train": {"epochs": 0}}', "train.epochs = 0: must be at least 1"),
        ("about.json", b"[]", "about.json holds no JSON object"),
        ("about.json", b'{"name": 5}', "about.json cannot be read: name: must be text"),
        ("about.json", b'{"name": "x", "created": -1}', "created: must be a time"),
        ("end.json", b'{"state": "running"}', "end.json: state"),
        ("end.json", b'{"state": "finished", "metrics": {"test/accuracy": NaN}}', "NaN is not allowed"),
        ("end.json", b'{"state": "finished", "metrics": {"test/accuracy": 1e999}}', "a number is too large"),
        ("end.json", b'{"state": "finished", "metrics": {"test/accuracy": "0.9"}}', "end.json: metrics.test/accuracy"),
        ("end.json", b"[" * 100_000, "no strict JSON"),
        ("environment.json", b'{"val_images": "many"}', "environment.json: val_images"),
        ("environment.json", b'{"started": "now"}', "environment.json: started"),
        ("environment.json", b'{"x": %s}' % (b"[" * 50 + b"]" * 50), "nested deeper than 20"),
        ("environment-1.json", b'{"class_names": [1]}', "environment-1.json: class_names"),
        ("progress.json", b'{"epoch": "5"}', "progress.json: epoch"),
        ("robustness.json", b'{"measured": [{"sha256": "x"}]}', "robustness.json: measured.0"),
        ("robustness.json", b'{"measured": 5}', "robustness.json: measured"),
        ("metrics.jsonl", ROW % b"NaN", "metrics.jsonl, line 1 is no strict JSON: NaN"),
        ("metrics.jsonl", ROW % b'"high"', "metrics.jsonl, line 1: val/accuracy: must be a number"),
        ("metrics.jsonl", ROW % b"1" * 2, "metrics.jsonl, line 2: epoch must be 2"),
        ("metrics.jsonl", b'{"epoch": 1}\n', "metrics.jsonl, line 1: step is missing"),
        ("metrics.jsonl", (ROW % b"1")[:-1], "metrics.jsonl, line 1: there is more"),
        ("metrics.jsonl", b" " * 1_000_000, "metrics.jsonl, line 1: there is more"),
        ("steps.jsonl", b'{"step": 1}\n', "steps.jsonl, row 1: epochs is missing"),
        ("use.jsonl", b'{"sample": 2, "seconds": 1}\n{"sample": 1, "seconds": 2}\n', "row 2: sample must rise"),
        ("predictions/val_best.npy", b"no array", "val_best.npy is no array"),
        ("predictions/val_best.npy", npy(np.array([{}], object)), "val_best.npy must hold logits"),
        ("predictions/val_best.npy", npy(np.zeros((4, 3), np.float16)), "not (4, 3) float16"),
        ("predictions/test_last.npy", npy(np.zeros((4, CLASSES), np.float64)), "float32 or float16, not"),
        ("predictions/val_labels.npy", npy(np.zeros((4, 1), np.int64)), "val_labels.npy must hold labels"),
        ("predictions/val_best.npy", npy(np.zeros((4, CLASSES), np.float16))[:-1], "not as long as its header says"),
        ("checkpoints/manifest.json", b'{"checkpoints": []}', "names other checkpoints than there are"),
        ("checkpoints/manifest.json", b'{"checkpoints": [{"name": "../x"}]}', "checkpoints/manifest.json: checkpoints"),
        ("checkpoints/epoch-00005.safetensors", b"other bytes", "its SHA-256 differs"),
    ],
)  # fmt: skip
def test_files_that_are_not_what_they_should_be_are_refused_by_name(
    good: tuple[str, dict[str, bytes]], runs: Path, name: str, content: bytes, sentence: str
) -> None:
    run_id, members = good
    archive = build(seal({**members, f"{run_id}/{name}": content}))
    assert sentence in refuse(archive, runs)


def test_a_run_whose_loss_diverged_is_let_in(good: tuple[str, dict[str, bytes]], runs: Path) -> None:
    run_id, members = good
    name = f"{run_id}/metrics.jsonl"
    lines = members[name].splitlines(keepends=True)
    row = json.loads(lines[0]) | {"val/loss": 3e38}
    (imported,) = import_runs(io.BytesIO(build(seal({**members, name: files.to_line(row) + b"".join(lines[1:])}))))
    assert open_run(imported.id).rows()[0]["val/loss"] == 3e38


def test_what_was_measured_of_spoiled_images_travels(runs: Path) -> None:
    run = make_whole_run()
    entry = Robustness("a" * 64, "best", 1, 0, 10, 9, {"noise": [8, 7, 6, 5, 4]})
    keep_measured(run.path, entry)
    packed = pack(run)
    delete_run(run.id)
    (imported,) = import_runs(io.BytesIO(packed))
    assert read_measured(open_run(imported.id).path) == [entry]


def test_a_run_without_spec_is_no_whole_run(good: tuple[str, dict[str, bytes]], runs: Path) -> None:
    run_id, members = good
    for name in ("spec.json", "about.json"):
        less = {key: content for key, content in members.items() if key != f"{run_id}/{name}"}
        assert f"{name} is missing" in refuse(build(seal(less)), runs)


class Calls:
    """What a pickle can do: this one makes a file where it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_checkpoint_whose_pickle_calls_something_is_refused_and_calls_nothing(
    runs: Path, tmp_path: Path, protocol: int
) -> None:
    marker = tmp_path / "called"
    run = make_whole_run(write_old_checkpoint(pickle.dumps({"format": 1, "x": Calls(marker)}, protocol)))
    archive = pack(run)
    delete_run(run.id)
    assert "epoch-00005.safetensors is refused" in refuse(archive, runs)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"no archive", "holds no training state"),
        (pickle.dumps({}), "holds no training state"),
        (write_old_checkpoint(compression=zipfile.ZIP_DEFLATED, tensor=bytes(1_000_000)), "packed in a way"),
        (build({"state/data/0": b"x"}, compression=zipfile.ZIP_STORED), "holds no training state"),
        (build({"a/data.pkl": b"", "b/data.pkl": b""}, compression=zipfile.ZIP_STORED), "holds no training state"),
        (write_old_checkpoint(b"\x80\x02}q\x00."[:3]), "holds no training state"),
        (write_old_checkpoint(b"(S'echo'\nios\nsystem\n."), "its pickle uses STRING"),
        (write_old_checkpoint(b"cbuiltins\neval\n."), "loading it would call 'builtins.eval'"),
        (
            write_checkpoint({"format": FORMAT + 1, "weight": {"$tensor": True}}),
            "training state that this version can read",
        ),
        (write_checkpoint({"format": FORMAT}), "holds no training state"),
        (
            write_checkpoint({"format": FORMAT, "weight": {"$tensor": True}, "bias": {"$tensor": True}}),
            "holds no training state",
        ),
        (write_checkpoint("[" * 100_000), "holds no training state"),
        (write_checkpoint('{"format": 2, "weight": NaN}'), "holds no training state"),
        (write_checkpoint(shape=[10**12]), "holds no training state"),
        (write_checkpoint(data_offsets=[0, 10**12]), "holds no training state"),
        (write_checkpoint()[:-1], "holds no training state"),
        (b"\xff" * 64, "holds no training state"),
    ],
)
def test_what_is_no_training_state_is_refused(runs: Path, content: bytes, sentence: str) -> None:
    run = make_whole_run(content)
    archive = pack(run)
    delete_run(run.id)
    assert sentence in refuse(archive, runs)


def test_every_optimizer_writes_checkpoints_that_are_let_in(tmp_path: Path) -> None:
    import torch

    from core.engine import checkpoint

    states = {
        "adam": {"step": torch.tensor(3.0), "exp_avg": torch.zeros(3, 3), "flags": torch.tensor([True])},
        "half": {"weight": torch.zeros(2, dtype=torch.bfloat16), "half": torch.zeros(2, dtype=torch.float16)},
        "plain": {
            "big": 2**40,
            "small": -3,
            "long": 2**70,
            "text": "ä",
            "none": None,
            "nested": [(1, 2.5), {3: True}],
            "loss": float("inf"),
        },
    }
    for name, state in states.items():
        checkpoint.save({"format": FORMAT, **state}, tmp_path / f"{name}.safetensors")
        check_checkpoint(tmp_path / f"{name}.safetensors")
