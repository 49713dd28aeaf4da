"""The cluster as its agent saw it last: its nodes, what is free on them, and which runs they train.

The agent writes `.cluster.json` into the runs folder every two seconds. Pages, commands and waiting runs read it, so
none of them talks to Ray. Only small modules are imported here, because every waiting worker may import this.
"""

from __future__ import annotations

import math
import time
from pathlib import Path

from core.system import files

TYPE_CHECKING = False  # Waiting workers import this module: `typing` would cost each of them memory.
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

CLUSTER = ".cluster.json"  # below the runs folder, as the queue and the slots
BEAT_SECONDS = 2.0  # between two looks of the agent
STALE_SECONDS = 15.0  # without one, nothing is known of the cluster
_TEXTS = ("id", "name", "device", "python", "torch", "lab")
_NUMBERS = ("cpus", "gpus", "cpus_free", "gpus_free", "memory", "memory_used", "since")
_MOMENTS = ("leaving", "lost")


class Node:
    """One machine of the cluster: its places, its memory in bytes, its versions, and the runs it trains.

    `since`, `leaving` and `lost` are in seconds since 1970: when it came, was first seen to be drained, which is None
    while it takes runs, and was gone, which is None while it is there.
    """

    __slots__ = (*_TEXTS, *_NUMBERS, *_MOMENTS, "runs")
    id: str
    name: str  # of its host
    device: str  # the product name of its GPUs, or of its processor
    python: str
    torch: str
    lab: str
    cpus: float
    gpus: float
    cpus_free: float
    gpus_free: float
    memory: float
    memory_used: float
    since: float
    leaving: float | None
    lost: float | None

    def __init__(self, record: dict[str, Any]) -> None:
        for name in _TEXTS:
            setattr(self, name, _read_text(record.get(name)))
        for name in _NUMBERS:
            setattr(self, name, _read_number(record.get(name)) or 0.0)
        for name in _MOMENTS:
            setattr(self, name, _read_number(record.get(name)))
        runs = record.get("runs")
        self.runs = tuple(run for run in runs if isinstance(run, str)) if isinstance(runs, list | tuple) else ()

    def to_record(self) -> dict[str, Any]:
        """As it is written down."""
        return {name: getattr(self, name) for name in (*_TEXTS, *_NUMBERS, *_MOMENTS)} | {"runs": list(self.runs)}


class Cluster:
    """The nodes under one address, as they were at `written`, in seconds since 1970."""

    __slots__ = ("address", "nodes", "written")

    def __init__(self, address: str, nodes: Iterable[Node], written: float = 0.0) -> None:
        self.address = address
        self.nodes = tuple(nodes)
        self.written = written or time.time()

    def is_stale(self, now: float | None = None) -> bool:
        """Whether the agent has been silent for so long that nothing is known any more."""
        # A clock that was set back must not make an old look a new one for hours, hence the distance either way.
        return abs((time.time() if now is None else now) - self.written) > STALE_SECONDS

    @property
    def live(self) -> tuple[Node, ...]:
        """The nodes that are there; none where nothing is known."""
        return () if self.is_stale() else tuple(node for node in self.nodes if node.lost is None)


def read_cluster(runs: Path) -> Cluster | None:
    """The cluster of these runs; None if there is none, or its file is damaged."""
    record = files.find_note(runs / CLUSTER)
    if record is None or not isinstance(nodes := record.get("nodes"), list):
        return None
    found = (Node(node) for node in nodes if isinstance(node, dict))
    return Cluster(_read_text(record.get("address")), found, _read_number(record.get("written")) or 1.0)


def write_cluster(runs: Path, cluster: Cluster) -> None:
    """Tells pages and waiting runs what the agent sees."""
    nodes = [node.to_record() for node in cluster.nodes]
    record = {"address": cluster.address, "written": cluster.written, "nodes": nodes}
    files.write_json(runs / CLUSTER, record, sync=False)  # after a power cut there is no cluster anyway


def forget_cluster(runs: Path) -> None:
    """There is none any more."""
    (runs / CLUSTER).unlink(missing_ok=True)


def join_command(address: str) -> str:
    """The line by which another machine becomes a node, to be copied; it holds no secret."""
    return f"python -m core cluster join {address}"


def _read_text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _read_number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
