"""What travels between the process that keeps a run's folder and the node that trains it; free of torch and of Ray.

A training state travels as the bytes of its checkpoint file, so that whoever writes the folder needs no torch, and as
just these bytes it goes to the disk and to the next node. Everywhere they are checked by their SHA-256.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.engine.events import Event
from core.runs.records import BranchUse
from core.system import files
from core.system.errors import LabError

BLOB = "checkpoint_bytes"
GONE = "was lost"  # the reason where it is the whole node


class BlobError(LabError):
    """The bytes of a checkpoint are missing, or are not those that were noted."""

    kind = "checkpoint"


@dataclass(frozen=True)
class Need:
    """What a run asks of a node: shares of its CPUs and GPUs, and the threads that it computes with."""

    cpus: float
    gpus: float
    threads: int


@dataclass(frozen=True)
class Line:
    """How the runs of one process reach the cluster, and what they ask of its nodes."""

    address: str
    name: str  # of the run, so that the agent can tell what a node is busy with
    need: Need
    fit: str  # what nodes of the same versions offer
    versions: dict[str, str]  # where the run is kept


@dataclass(frozen=True)
class Task:
    """One training: the spec as JSON and the state that it goes on from, as a checkpoint's bytes."""

    spec: str
    state: bytes | None = None
    root: BranchUse | None = None  # how a branch begins from that state; None if the state is its own
    root_classes: tuple[str, ...] = ()
    test: bool = True


@dataclass(frozen=True)
class Arrived:
    """The training has its place: on which host, in which process, and in which node of the cluster."""

    host: str
    pid: int
    node: str
    device: str


@dataclass(frozen=True)
class Opened:
    """Images and state are read: what the state counts, remarks, and the labels of validation and test."""

    counts: dict[str, Any]
    notes: list[str]
    left_out: list[str]
    labels: dict[str, Any]  # by part, as numpy has them


@dataclass(frozen=True)
class Told:
    """An event of the training, its state packed; what the node takes of its machine, and of `Started` all facts."""

    event: Event
    use: dict[str, float]
    environment: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed:
    """The training cannot go on, on no node: a sentence, its kind as in `end.json`, and for the log what happened."""

    reason: str
    kind: str
    details: str = ""


@dataclass(frozen=True)
class Alive:
    """The node answers: what the training takes of its machine now. Without `use` only the way to it is there."""

    use: dict[str, float] | None = None


@dataclass(frozen=True)
class Lost:
    """The node, its process or the whole cluster is gone."""

    reason: str


Item = Arrived | Opened | Told | Failed | Alive | Lost


def pack_blob(blob: bytes, counts: dict[str, Any]) -> dict[str, Any]:
    """A state as it travels: the bytes of its checkpoint, and beside them what the state counts."""
    return {BLOB: blob, **counts}


def save_blob(state: dict[str, Any], path: Path) -> str:
    """Writes the bytes of a checkpoint in one step and returns their SHA-256. Raises OSError."""
    files.write_bytes(path, state[BLOB])
    return hashlib.sha256(state[BLOB]).hexdigest()


def load_blob(path: Path, sha256: str) -> dict[str, Any]:
    """The bytes of a checkpoint. Raises BlobError if they are missing or damaged."""
    try:
        blob = path.read_bytes()
    except OSError as error:
        why = os.strerror(error.errno or 0).lower()
        raise BlobError(f"The checkpoint {path.name} could not be read: {why}.") from error
    if hashlib.sha256(blob).hexdigest() != sha256:
        raise BlobError(f"The checkpoint {path.name} is damaged: its SHA-256 is not the one noted when it was written.")
    return {BLOB: blob}
