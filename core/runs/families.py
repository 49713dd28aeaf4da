"""Runs and the branches that went on from them: as rows of a tree, and as the members of one family."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from core.runs.records import RunSummary
from core.text.words import list_first

_NAMED = 5  # branches in a sentence


@dataclass(frozen=True)
class Member:
    """A run of a family at its depth in the tree, 0 for the root; `run` is None if it is not here any more."""

    id: str
    name: str
    depth: int
    run: RunSummary | None = None


def order_tree(runs: Sequence[RunSummary]) -> list[tuple[RunSummary, int]]:
    """Each run with its depth, branches below their parents; all else stays in its order.

    A branch whose parent is not among the runs is at depth 0.
    """
    children = _list_children(runs)
    if not children:
        return [(run, 0) for run in runs]
    known = {run.id for run in runs}
    ordered: list[tuple[RunSummary, int]] = []
    # Without recursion: a chain of branches may be longer than Python's stack.
    left = [(run, 0) for run in reversed(runs) if run.parent not in known or run.parent == run.id]
    while left:
        run, depth = left.pop()
        ordered.append((run, depth))
        left += [(child, depth + 1) for child in reversed(children.pop(run.id, []))]
    if len(ordered) < len(runs):  # records that name each other, as no lab writes them
        shown = {run.id for run, _ in ordered}
        ordered += [(run, 0) for run in runs if run.id not in shown]
    return ordered


def list_branches(ids: Collection[str], runs: Sequence[RunSummary]) -> list[RunSummary]:
    """The runs that went on from one of these, and are none of them."""
    return [run for run in runs if run.parent in ids and run.id not in ids]


def tell_branches(branches: Sequence[RunSummary]) -> str:
    """What becomes of branches whose parents are deleted, in a sentence or two; empty if there are none."""
    if not branches:
        return ""
    names, one = list_first([run.name for run in branches], _NAMED), len(branches) == 1
    return (
        f"Branched off: {names}. {'It stays' if one else 'They stay'} whole and can go on, as each branch has the "
        "checkpoint and the figures that it began with; its parent is then shown by its name alone."
    )


def _list_children(runs: Sequence[RunSummary]) -> dict[str, list[RunSummary]]:
    children: dict[str, list[RunSummary]] = {}
    for run in runs:
        if run.parent and run.parent != run.id:
            children.setdefault(run.parent, []).append(run)
    return children


def list_family(run_id: str, runs: Sequence[RunSummary]) -> list[Member]:
    """The run's family from its root on, older branches first; only the run itself if it has none."""
    by_id = {run.id: run for run in runs}
    if run_id not in by_id:
        return []
    line = list(_climb(by_id[run_id], by_id))
    root, missing = line[-1], line[-1].parent if line[-1].parent not in by_id else ""
    members = [Member(missing, root.parent_name, 0)] if missing else []
    oldest_first = sorted(runs, key=lambda run: run.id)
    # Siblings below a parent that is gone as well.
    heads = [run for run in oldest_first if missing and run.parent == missing] or [root]
    below = _list_children(oldest_first)
    left, seen = [(head, len(members)) for head in reversed(heads)], set()
    while left:
        run, depth = left.pop()
        if run.id not in seen:
            seen.add(run.id)
            members.append(Member(run.id, run.name, depth, run))
            left += [(child, depth + 1) for child in reversed(below.get(run.id, []))]
    return members


def _climb(run: RunSummary, by_id: dict[str, RunSummary]) -> Iterator[RunSummary]:
    """The run and its ancestors as far as they are here."""
    seen = set()
    current: RunSummary | None = run
    while current is not None and current.id not in seen:
        seen.add(current.id)
        yield current
        current = by_id.get(current.parent)


def tell_parent(run: RunSummary) -> str:
    """`baseline after epoch 3`; empty for a run that is no branch."""
    if not run.parent:
        return ""
    how = "weights of " if run.parent_use == "weights" else ""
    return f"{how}{run.parent_name} after epoch {run.parent_epoch:,}"
