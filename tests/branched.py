"""Branches made by hand: the record that a branch has, and of a sample run one that went on from it."""

from __future__ import annotations

from typing import Any

from core.runs.branches import read_branch
from core.runs.folder import Run
from core.system import files
from tests.pages.sample_runs import make_run


def mark_branch(run: Run, parent: Run, epoch: int, **record: Any) -> Run:
    """Makes a run that is there already a branch of another."""
    above = read_branch(parent.path)
    line = [{key: above[key] for key in ("run", "name", "epoch")}, *above["line"]] if above else []
    written = {
        "run": parent.id,
        "name": parent.about.name,
        "epoch": epoch,
        "use": "line",
        "checkpoint": f"epoch-{epoch:05d}.safetensors",
        "sha256": "a" * 64,
        "bytes": 7,
        "changes": {"train.learning_rate": [0.003, 0.01]},
        "line": line,
        **record,
    }
    files.write_json(run.path / "branch.json", written)
    return run


def make_branch(
    parent: Run, epoch: int, *, name: str = "branch", record: dict[str, Any] | None = None, **made: Any
) -> Run:
    settings = made.pop("settings", ("train.epochs=5", "train.learning_rate=0.01"))
    return mark_branch(make_run(name=name, settings=settings, **made), parent, epoch, **(record or {}))
