"""Whether a run is trained on a cluster, and what is kept of that: where is no part of its spec.

Only small modules are imported here at first, because every waiting worker may import this.
"""

from __future__ import annotations

from pathlib import Path

from core.runs import layout
from core.system import files

TYPE_CHECKING = False  # Waiting workers import this module: `typing` would cost each of them memory.
if TYPE_CHECKING:
    from core.runs.records import Move, PlaceRecord

DRAINED = "was drained"  # the reason of a move before the node was lost


def read_place(folder: Path) -> PlaceRecord | None:
    """What a run on a cluster asks of its nodes; None if it is trained by this machine, or the record is damaged."""
    found = files.find_note(folder / layout.PLACE)
    if found is None:
        return None
    from core.runs import shapes  # loads pydantic, only where there is a record

    place: PlaceRecord | None = None if shapes.find_fault(shapes.PLACE, found) else found  # type: ignore[assignment]
    return place


def write_place(folder: Path, place: PlaceRecord) -> None:
    """Raises OSError."""
    files.write_json(folder / layout.PLACE, dict(place))


def leave_cluster(folder: Path) -> None:
    """From now on this machine trains the run. Raises OSError."""
    files.set_aside(folder / layout.PLACE)


def tell_moves(place: PlaceRecord, node: str) -> list[str]:
    """What was lost and went on, as sentences; the run is on `node` now."""
    moves = place.get("moves") or []
    nodes = [*(move["node"] for move in moves[1:]), node][: len(moves)]
    return [_tell_move(move, then) for move, then in zip(moves, nodes, strict=True)]


def _tell_move(move: Move, then: str) -> str:
    lost = f"{move['node']} {move['reason']}"
    if move["reason"] == DRAINED:
        return f"{lost}: went on from the same step on {then}."
    if move["epoch"]:
        return f"{lost}: went on after epoch {move['epoch']} on {then}."
    return f"{lost} in the first epoch: the training began again on {then}."
