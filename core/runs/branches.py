"""Where a run began that went on from another's checkpoint, and what it has of its parent.

A branch has its own name for the checkpoint's bytes (a hard link, or a copy where there are none), and its own copy of
what the parent wrote up to then. So nothing that happens to the parent, clean-up and deletion included, can take a
branch's root away, and nobody has to ask before either; a parent that trains may go on and remove older checkpoints.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from core.runs import layout, metrics, shapes
from core.runs.records import BranchRecord, CheckpointFile
from core.system import files

ROOTS = (layout.ROOT, layout.OLD_ROOT)
HELD_OUT = Path(layout.PREDICTIONS) / layout.VAL_CLASSES


def read_branch(folder: Path) -> BranchRecord | None:
    """Where the run of this folder began; None if that was at the first epoch, or the record is damaged."""
    found = files.find_note(folder / layout.BRANCH)
    return None if found is None or shapes.find_fault(shapes.BRANCH, found) else cast(BranchRecord, found)


def name_parent(record: BranchRecord) -> dict[str, Any]:
    """What a line of the table of runs says of a branch's parent."""
    return {
        "parent": record["run"],
        "parent_name": record.get("name") or record["run"],
        "parent_epoch": record["epoch"],
        "parent_sha256": record["sha256"],
        "parent_use": record["use"],
    }


def list_origin(folder: Path) -> dict[str, str | int]:
    """For tables of settings: where a branch began; empty for any other run."""
    record = read_branch(folder)
    return {} if record is None else {f"branch.{key}": value for key, value in _pick(record).items()}


def _pick(record: BranchRecord) -> dict[str, str | int]:
    return {"run": record["run"], "epoch": record["epoch"], "sha256": record["sha256"], "use": record["use"]}


def root_of(folder: Path) -> CheckpointFile | None:
    """The checkpoint that a branch began from, in the branch's own folder, with the epoch that it is there: 0 if the
    weights alone were taken."""
    record = read_branch(folder)
    if record is None:
        return None
    name = next((name for name in ROOTS if (folder / name).exists()), ROOTS[0])
    return CheckpointFile(
        name=name,
        path=folder / name,
        epoch=record["epoch"] if record["use"] == "line" else 0,
        bytes=record["bytes"],
        sha256=record["sha256"],
        kind="last",
        metrics_bytes=record.get("metrics_bytes", 0),
        classes_bytes=record.get("classes_bytes", 0),
    )


def take_root(checkpoint: CheckpointFile, folder: Path) -> str:
    """Gives a branch's folder its root; returns the SHA-256 of the bytes that it has now. Raises OSError."""
    root = folder / f"root{checkpoint.path.suffix}"
    try:
        # Checkpoints are replaced, never written over: both names keep these bytes, which are on the disk once.
        os.link(checkpoint.path, root)
    except FileNotFoundError:
        raise
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(checkpoint.path, root)
    with open(root, "rb+") as file:
        os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest()


def inherit_course(parent: Path, epoch: int, folder: Path, answer_bytes: int) -> tuple[int, int]:
    """Gives a branch what its parent noted up to an epoch's end; an epoch's predicted classes have so many bytes.

    Returns the bytes of the metrics and of the predicted classes. Raises ValueError if an epoch's are missing, OSError.
    """
    rows = metrics.read_rows(parent / layout.METRICS)[:epoch]
    if [row.get("epoch") for row in rows] != list(range(1, epoch + 1)):
        raise ValueError(f"the figures of its first {epoch:,} epochs are not whole")
    course = b"".join(_read_lines(parent / layout.METRICS)[:epoch])
    files.write_bytes(folder / layout.METRICS, course)
    step, seconds = rows[-1].get("step") or 0, rows[-1].get("seconds") or 0.0
    _keep_rows(parent, folder, layout.STEPS, "step", step)
    _keep_rows(parent, folder, layout.USE, "seconds", seconds)
    answers = b""
    if answer_bytes and (parent / HELD_OUT).is_file():
        answers = (parent / HELD_OUT).read_bytes()[: epoch * answer_bytes]
        if len(answers) < epoch * answer_bytes:
            raise ValueError(f"the predicted classes of its first {epoch:,} epochs are not whole")
        (folder / layout.PREDICTIONS).mkdir()
        files.write_bytes(folder / HELD_OUT, answers)
    return len(course), len(answers)


def _read_lines(path: Path) -> list[bytes]:
    with files.open_regular(path) as file:
        return file.read().splitlines(keepends=True)


def _keep_rows(parent: Path, folder: Path, name: str, key: str, last: float) -> None:
    """Of what is noted within epochs, the rows up to this number."""
    if (parent / name).is_file():
        rows = [row for row in metrics.read_rows(parent / name) if (row.get(key) or 0) <= last]
        files.write_bytes(folder / name, b"".join(map(files.to_line, rows)))


def count_parents(folder: Path) -> int:
    """How many runs are between a branch and the first epoch, the branch not among them."""
    record = read_branch(folder)
    return 0 if record is None else 1 + len(record.get("line", []))


def rename_parents(folder: Path, ids: Mapping[str, str]) -> None:
    """Puts in the ids that the parents of a branch have here. Raises OSError."""
    record = read_branch(folder)
    if record is None:
        return
    line = [step | {"run": ids.get(step["run"], step["run"])} for step in record.get("line", [])]
    renamed = record | {"run": ids.get(record["run"], record["run"]), "line": line}
    if renamed != record:
        files.write_json(folder / layout.BRANCH, dict(renamed))
