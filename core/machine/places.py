"""Places on the cluster's nodes: what a run asks of a node, how many have what it asks, and why none ever will.

In the queue a place is a slot as those of this machine's devices are, of the device `cluster:cuda` or `cluster:cpu`, so
one order holds for all that wait. How many there are follows from what the agent saw last; which node it is, Ray says.
"""

from __future__ import annotations

from pathlib import Path

from core.machine.nodes import Cluster, Node, read_cluster
from core.machine.queue import CLUSTER, read_queue, read_slots, suits
from core.machine.versions import explain_misfit
from core.system import files

CUDA, CPU = f"{CLUSTER}cuda", f"{CLUSTER}cpu"
MOST_SHARES = 64  # of a GPU, or of a node's processor
_UNITS = 10_000  # Ray counts in as many parts of one, and rounds: seven times its seventh would be more than one
WAITING = "Waiting for a place on the cluster."
NO_CLUSTER = "No cluster is up; python -m core cluster up starts one."


def ask_for(device: str) -> str:
    """What waits in the queue for a run whose spec names this device: on a cluster one GPU is as good as another."""
    return CLUSTER + device.partition(":")[0]


def count_shares(runs: Path, kind: str) -> int:
    """Into how many runs a GPU of the cluster, or a node's processor, is divided: from `runs/settings.json`."""
    try:
        settings = files.find_note(runs / "settings.json") or {}
        return min(max(1, int(settings["slots"].get(kind, 1))), MOST_SHARES)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return 1


def fits(node: Node) -> bool:
    """Whether a node computes as this machine would."""
    return not explain_misfit(_versions(node))


def find_nodes(cluster: Cluster | None) -> list[Node]:
    """The nodes that are there, stay and may train."""
    return [node for node in cluster.live if node.leaving is None and fits(node)] if cluster else []


def list_kinds(cluster: Cluster | None) -> list[str]:
    """The kinds of places that there are now, GPUs first."""
    nodes = find_nodes(cluster)
    found = {CUDA: any(node.gpus >= 1 for node in nodes), CPU: any(node.cpus >= 1 for node in nodes)}
    return [kind for kind, there in found.items() if there]


def count_threads(runs: Path, nodes: list[Node]) -> int:
    """CPUs, and threads, of a run on a processor: such that the smallest node has a place."""
    cpus = [int(node.cpus) for node in nodes if node.cpus >= 1]
    return max(1, min(cpus) // count_shares(runs, CPU)) if cpus else 1


def count_places(runs: Path, kind: str) -> int:
    """How many runs the cluster trains at once by this kind of place; 0 where there is none."""
    nodes = find_nodes(read_cluster(runs))
    if kind == CUDA:
        return sum(int(node.gpus) for node in nodes) * count_shares(runs, CUDA)
    threads = count_threads(runs, nodes)
    return sum(int(node.cpus) // threads for node in nodes)


def work_out_need(runs: Path, kind: str) -> tuple[float, float, int]:
    """CPUs, GPUs and threads that a run asks for in a place of this kind."""
    if kind == CUDA:
        # Its share of a GPU is all that counts: CPUs are asked for by runs that train on them.
        return 0.0, _UNITS // count_shares(runs, CUDA) / _UNITS, 1
    threads = count_threads(runs, find_nodes(read_cluster(runs)))
    return float(threads), 0.0, threads


def explain_never(cluster: Cluster | None, device: str) -> str:
    """Why no node of the cluster can ever train a run that asks for this device, as a sentence; empty if one can.

    A cluster without nodes may get some; one whose nodes all lack something is told at once. A node that has only
    just joined has not told yet what it is.
    """
    if cluster is None or cluster.is_stale():
        return NO_CLUSTER
    if device == "mps":
        return "train.device = mps: the nodes of a cluster have no Apple GPU."
    nodes = [node for node in cluster.live if node.leaving is None]
    if not nodes or not all(map(_is_known, nodes)):
        return ""
    sound = find_nodes(cluster)
    if not sound:
        told = [f"{node.name} ({explain_misfit(_versions(node))})" for node in nodes]
        return (
            f"No node of the cluster has the versions of this machine: {', '.join(told[:3])}. Make them the same, then "
            "start the cluster anew: python -m core cluster down, then up, and join again."
        )
    if device.startswith("cuda") and not any(node.gpus >= 1 for node in sound):
        return f"train.device = {device}: no node of the cluster has a GPU."
    return ""


def _is_known(node: Node) -> bool:
    return bool(node.python and node.torch and node.lab)


def _versions(node: Node) -> dict[str, str]:
    return {"python": node.python, "torch": node.torch, "lab": node.lab}


def count_free(runs: Path) -> dict[str, int]:
    """By kind, how many more runs would be trained at once: places that neither a run has nor one is waiting for."""
    kinds = list_kinds(read_cluster(runs))
    free = {kind: read_slots(runs, kind).count(None) for kind in kinds}
    for ticket in read_queue(runs):
        taken = next((kind for kind in kinds if suits(ticket.device, kind, kinds) and free[kind]), None)
        if taken:
            free[taken] -= 1
    return free
