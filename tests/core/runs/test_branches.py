"""What a branch has of its parent is what the parent had at that epoch, and nothing of later."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.runs.branches import inherit_course, read_branch, root_of
from core.runs.within import read_steps
from core.system import files
from tests.pages.sample_runs import make_rows, make_run

RECORD = {
    "run": "20260101-000000-000-abcdef",
    "epoch": 3,
    "use": "line",
    "checkpoint": "epoch-00003.safetensors",
    "sha256": "0" * 64,
    "bytes": 7,
}


@pytest.fixture
def parent(lab_folders: Path) -> Path:
    path = make_run().path
    steps = [{"step": step, "epochs": step / 24, "seconds": step / 8, "images": step, "loss": 1, "right": 1} for step in
             range(8, 121, 8)]  # fmt: skip
    (path / "steps.jsonl").write_bytes(b"".join(map(files.to_line, steps)))
    (path / "predictions").mkdir()
    (path / "predictions" / "val_classes.bin").write_bytes(bytes(range(50)))
    return path


def test_the_course_ends_with_the_epoch_that_the_branch_begins_after(parent: Path, tmp_path: Path) -> None:
    branch = tmp_path / "branch"
    branch.mkdir()
    sizes = inherit_course(parent, 3, branch, 10)
    assert sizes == ((branch / "metrics.jsonl").stat().st_size, 30)
    assert (branch / "metrics.jsonl").read_bytes() == b"".join(map(files.to_line, make_rows(5)[:3]))
    assert (branch / "predictions" / "val_classes.bin").read_bytes() == bytes(range(30))
    assert [row["step"] for row in read_steps(branch / "steps.jsonl").rows] == list(range(8, 73, 8))


def test_a_course_with_gaps_is_refused(parent: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="predicted classes of its first 5 epochs"):
        inherit_course(parent, 5, tmp_path, 11)
    lines = (parent / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    (parent / "metrics.jsonl").write_bytes(b"".join([lines[0], *lines[2:]]))
    with pytest.raises(ValueError, match="figures of its first 3 epochs are not whole"):
        inherit_course(parent, 3, tmp_path, 0)


def test_a_record_that_is_none_is_a_damaged_run(lab_folders: Path) -> None:
    run = make_run()
    assert read_branch(run.path) is None
    files.write_json(run.path / "branch.json", RECORD)
    assert read_branch(run.path) == RECORD
    root = root_of(run.path)
    assert root is not None
    assert (root.epoch, root.sha256, root.path) == (3, "0" * 64, run.path / "root.safetensors")
    for fault in ({"epoch": "three"}, {"sha256": "x"}, {"run": "../../etc"}, {"use": "other"}):
        files.write_json(run.path / "branch.json", RECORD | fault)
        assert read_branch(run.path) is None
        assert f"branch.json: {next(iter(fault))}" in run.damage()
