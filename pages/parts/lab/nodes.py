"""The machines of the cluster, a row each, and how another one joins."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import streamlit as st

from core.machine.nodes import Cluster, Node, join_command, read_cluster
from core.runs.records import RunSummary
from core.system.folders import runs_folder
from core.text.formats import UNKNOWN, format_ago, format_bytes
from core.text.words import count_of
from pages.parts.frame.style import show_problem
from pages.parts.lab.rows import draw_bar, list_holders, show_heading

EMPTY = (
    "Only this machine so far. To train on others too: <code>pip install -r requirements-cluster.txt</code>, then "
    "<code>python -m core cluster up</code> on this one. docs/CLUSTER.md tells the rest."
)
HANDING_OVER = (
    "It asks for the cluster's token, the file <code>.cluster/token</code> in the runs folder of this machine. "
    "<code>python -m core cluster status</code> there shows how ssh hands it over; do not send it by mail or chat, as "
    "it opens every node. Nodes need the same versions of Python, torch and the lab."
)


def show_cluster(runs: Mapping[str, RunSummary]) -> None:
    """One row a node: what it is, which runs it trains, how much of it is taken, and since when it is there."""
    show_heading("Cluster")
    cluster = read_cluster(runs_folder())
    if cluster is None:
        st.html(f'<p class="lab-muted lab-small">{EMPTY}</p>')
        return
    if cluster.is_stale():
        show_problem(
            f"The cluster was last heard of {format_ago(cluster.written)}. "
            "On this machine, python -m core cluster status tells more."
        )
    elif not cluster.nodes:
        st.html('<p class="lab-muted lab-small">The cluster is up and has no node yet.</p>')
    for node in cluster.nodes:
        _show_node(node, runs, list_trained(node, cluster, runs), is_known=not cluster.is_stale())
    _show_joining(cluster)


def list_trained(node: Node, cluster: Cluster, runs: Mapping[str, RunSummary]) -> tuple[str, ...]:
    """The runs in a node: those that Ray names, and those that say so themselves.

    A study's process goes from trial to trial under the name of its first.
    """
    told = [run_id for run_id in node.runs if run_id not in runs or runs[run_id].state == "running"]
    elsewhere = {run_id for other in cluster.nodes if other is not node for run_id in other.runs}
    own = [run.id for run in runs.values() if run.state == "running" and run.node == node.name]
    return tuple(dict.fromkeys([*told, *(run_id for run_id in own if run_id not in elsewhere)]))


def _show_node(node: Node, runs: Mapping[str, RunSummary], trained: tuple[str, ...], *, is_known: bool) -> None:
    name, use, moment = st.columns([0.34, 0.5, 0.16], vertical_alignment="center", gap="medium")
    is_there = is_known and node.lost is None
    gives = [count_of(int(node.gpus), "GPU")] if node.gpus else []
    gives += [count_of(int(node.cpus), "CPU")] if node.cpus else []
    holders = list_holders(trained, runs) if is_there else ""
    name.html(
        f"<b>{escape(node.name)}</b> "
        f'<span class="lab-muted lab-small">{escape(" · ".join(filter(None, (node.device, *gives))))}</span>'
        f'<div class="lab-small lab-break">{holders}</div>'
    )
    if is_there:
        use.html(_draw_use(node))
    if node.lost is not None:
        moment.html(f'<span class="lab-small lab-bad">lost {format_ago(node.lost)}</span>')
    elif node.leaving is not None:
        moment.html(f'<span class="lab-muted lab-small">drained {format_ago(node.leaving)}, takes no more runs</span>')
    else:
        moment.html(f'<span class="lab-muted lab-small">joined {format_ago(node.since)}</span>')


def _draw_use(node: Node) -> str:
    """A bar for its GPUs, or its CPUs where it has none, and one for memory."""
    word, has, free = ("GPUs", node.gpus, node.gpus_free) if node.gpus else ("CPUs", node.cpus, node.cpus_free)
    memory = node.memory_used / node.memory if node.memory else 0.0
    of = f"{format_bytes(node.memory_used)} of {format_bytes(node.memory)}" if node.memory else UNKNOWN
    taken = max(0.0, has - free)
    places = draw_bar(word, taken / has if has else 0.0, f"{taken:g} of {has:g} taken")
    return places + draw_bar("memory", min(memory, 1.0), of)


def _show_joining(cluster: Cluster) -> None:
    st.html('<p class="lab-small">Another machine joins by this line, where the lab is installed:</p>')
    st.code(join_command(cluster.address), language=None)
    st.html(f'<p class="lab-muted lab-small">{HANDING_OVER}</p>')
