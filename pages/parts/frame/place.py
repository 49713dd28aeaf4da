"""Where a run is trained: here, or on a node of the cluster. Asked only while a cluster is up."""

from __future__ import annotations

from core.machine.nodes import read_cluster
from core.machine.places import count_free, explain_never
from core.system.folders import runs_folder
from pages.parts.frame.widgets import choose

HELP = "Here is this machine. Free on the cluster are the places that no run has or waits for. Not part of the spec."


def ask_place(key: str, device: str) -> tuple[str, str]:
    """`here` or `cluster`; and a sentence if no node can ever train what asks for this device."""
    cluster = read_cluster(runs_folder())
    if cluster is None or cluster.is_stale():
        return "here", ""
    free = sum(count_free(runs_folder()).values())
    labels = {"here": "Here", "cluster": f"Cluster ({free} free)"}
    on = choose("Train", labels, key, "here", bind=None, persist_state="session", help=HELP)
    return on, explain_never(cluster, device) if on == "cluster" else ""
