"""Commands about more machines than this one: `cluster up`, `join`, `status`, `down`, `slurm`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.output import FAILED, CommandError, confirm, print_facts, print_json, print_table, say
from core.cli.source import AsJson, Yes
from core.machine.nodes import Cluster, Node
from core.text.formats import format_ago, format_bytes
from core.text.words import count_of

if TYPE_CHECKING:
    from core.cluster.here import Here

app = typer.Typer(help="Trains on more machines than this one, by way of Ray.", no_args_is_help=True)

OwnAddress = Annotated[
    str, typer.Option("--address", metavar="IP", help="This machine's address, if it has several.", show_default=False)
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        help="The cluster's token; without it the standard input is read, or one that is kept here is used.",
        show_default=False,
    ),
]


@app.command("up")
def start(
    gpus: Annotated[int, typer.Option("--gpus", min=0, help="GPUs of this machine that the cluster may use too.")] = 0,
    cpus: Annotated[
        int | None, typer.Option("--cpus", min=0, help="The same for CPUs; as many as GPUs.", show_default=False)
    ] = None,
    address: OwnAddress = "",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Where other machines join.")] = 6379,
) -> None:
    """Starts a cluster with this machine as its head, which keeps the queue and all files."""
    from core.cluster import head
    from core.machine.nodes import join_command
    from core.system.folders import runs_folder

    runs = runs_folder()
    runs.mkdir(parents=True, exist_ok=True)
    here = head.prepare_head(runs, address, port, cpus, gpus)
    say("Starting the head; this takes half a minute, on a busy machine some minutes.")
    cluster = head.start_head(runs, here)
    say(f"The cluster is up at {cluster.address}.")
    _tell_doors()
    _tell_if_alone(here)
    say("On each other machine, where the lab is installed as here:")
    print(join_command(cluster.address))
    _tell_token(cluster.address)


def _tell_if_alone(here: Here) -> None:
    """That a loopback address serves nodes on this machine alone, and what to do about it."""
    if here.is_alone:
        say(
            f"No other machine can reach {here.own_address}. For others to join: `python -m core cluster down`, then "
            "`python -m core cluster up --address IP`, with this machine's address in their network."
        )


def _tell_token(address: str) -> None:
    """How the token gets to another machine; not what it is."""
    from core.cluster.access import token_path
    from core.machine.nodes import join_command
    from core.system.folders import runs_folder

    path = token_path(runs_folder())
    say(
        f"It asks for the token, which is in {path} and opens every node to whoever has it. "
        "From here, over ssh, nobody sees it:\n"
        f"  ssh BOX 'cd resnet-lab && .venv/bin/{join_command(address)}' < {path}"
    )


def _tell_doors() -> None:
    """Which ports listen, and to whom."""
    from core.cluster.head import list_doors
    from core.system.folders import runs_folder

    doors = list_doors(runs_folder())
    opened = [door for door in doors if door.is_open]
    for words, chosen in (
        ("Open to whoever reaches this machine and has the token; not encrypted", [d for d in opened if d.asks_token]),
        ("Open to whoever reaches this machine, also without the token", [d for d in opened if not d.asks_token]),
        ("Open to this machine alone", [d for d in doors if not d.is_open]),
    ):
        if ports := dict.fromkeys(f"{door.port} ({door.program})" for door in chosen):
            say(f"{words}: {'port' if len(ports) == 1 else 'ports'} {', '.join(ports)}.")


@app.command("join")
def join(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The head's, as `cluster up` told it: HOST:PORT.")],
    token_file: TokenFile = None,
    gpus: Annotated[
        int | None, typer.Option("--gpus", min=0, help="How many GPUs it gives; all.", show_default=False)
    ] = None,
    cpus: Annotated[
        int | None, typer.Option("--cpus", min=0, help="How many CPUs it gives; all.", show_default=False)
    ] = None,
    own: OwnAddress = "",
    block: Annotated[bool, typer.Option("--block", help="Stays until it is ended, as in a job of Slurm.")] = False,
) -> None:
    """Makes this machine a node: it trains runs of the head, until `cluster down` is called here."""
    from core.cluster import head, keeper
    from core.cluster.access import TokenRefusedError
    from core.cluster.here import write_here
    from core.system.folders import runs_folder

    runs = runs_folder()
    runs.mkdir(parents=True, exist_ok=True)
    token = _read_token(token_file, runs)
    try:
        here = head.prepare_node(runs, address, token, own, cpus, gpus)
    except TokenRefusedError:
        if token:
            raise
        say("The token that is kept here is of another cluster.")  # the right one may have been handed over
        here = head.prepare_node(runs, address, _ask_token(), own, cpus, gpus)
    gives = f"{count_of(here.cpus, 'CPU')} and {count_of(here.gpus, 'GPU')}"
    if block:
        os.environ["RESNET_LAB_RUNS"] = str(runs)
        write_here(runs, head.kept_by_this_process(here))
        say(f"Joins {here.address} with {gives}, until it is ended.")
        try:
            status = keeper.main()
        finally:
            head.leave(runs)
        raise typer.Exit(status)
    head.start_node(runs, here)
    say(f"This machine is in the cluster of {here.address} with {gives}. It leaves by: python -m core cluster down")
    _tell_doors()


def _read_token(file: Path | None, runs: Path) -> str:
    """The token that was handed over; empty where one is kept here already and none was. Never an argument."""
    from core.cluster.access import token_path

    if file is not None:
        try:
            return file.read_text(encoding="ascii", errors="replace")[:4096]
        except OSError as error:
            raise CommandError(f"--token-file {file}: cannot be read: {error.strerror}.") from None
    return "" if token_path(runs).exists() else _ask_token()


def _ask_token() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("The cluster's token", hide_input=True)).strip()
    return sys.stdin.readline(4096).strip()


@app.command("status")
def show(as_json: AsJson = False) -> None:
    """Shows the nodes, what they train and what is free."""
    from core.cluster.here import answers, read_here
    from core.machine.nodes import join_command, read_cluster
    from core.system.folders import runs_folder

    runs = runs_folder()
    here, cluster = read_here(runs), read_cluster(runs)
    kept = bool(here and here.is_kept())
    if as_json:
        nodes = [node.to_record() for node in cluster.nodes] if cluster else []
        print_json(
            {
                "here": here.kind if here and kept else None,
                "address": here.address if here and kept else None,
                "seen": cluster.written if cluster else None,
                "nodes": nodes,
            }
        )
        return
    if not here or not kept:
        say("This machine is in no cluster. `python -m core cluster up` starts one, `cluster join` joins one.")
        return
    print_facts([("this machine", here.kind), ("head", here.address), ("since", format_ago(here.since))])
    if not here.is_head:
        if not answers(here.address):
            say(
                "The head does not answer. Once it does, this machine joins again by itself; "
                "`python -m core cluster down` leaves for good."
            )
        return
    if cluster is None or cluster.is_stale():
        say("Nothing is known of its nodes at the moment: Ray is being started, or does not answer.")
        return
    if cluster.nodes:
        print()
        _print_nodes(cluster)
    else:
        say("It has no node yet.")
    _tell_if_alone(here)
    say(f"Another machine joins by: {join_command(here.address)}")
    _tell_token(here.address)


def _print_nodes(cluster: Cluster) -> None:
    rows = [
        (
            node.name,
            node.device,
            f"{node.gpus_free:g}/{node.gpus:g}",
            f"{node.cpus_free:g}/{node.cpus:g}",
            f"{format_bytes(node.memory_used)} of {format_bytes(node.memory)}" if node.memory else "",
            ", ".join(node.runs),
            _tell_moment(node),
        )
        for node in cluster.nodes
    ]
    columns = ("node", "device", "GPUs free", "CPUs free", "memory", "trains", "seen")
    print_table(columns, rows, right=("GPUs free", "CPUs free"), whole=("trains",), spare=("memory", "device"))


def _tell_moment(node: Node) -> str:
    if node.lost is not None:
        return f"lost {format_ago(node.lost)}"
    if node.leaving is not None:
        return f"drained {format_ago(node.leaving)}, takes no more runs"
    return f"joined {format_ago(node.since)}"


@app.command("down")
def stop(yes: Yes = False) -> None:
    """Ends this machine's part of the cluster: on the head all of it. Other processes of Ray go on."""
    from core.cluster import head
    from core.cluster.here import read_here
    from core.machine.nodes import read_cluster
    from core.system.folders import runs_folder

    runs = runs_folder()
    here, cluster = read_here(runs), read_cluster(runs)
    training = sum(len(node.runs) for node in cluster.live) if cluster and here and here.is_head else 0
    if training:
        question = (
            f"{count_of(training, 'run')} on its nodes will wait in the queue, to go on from the last checkpoint once "
            "a cluster is up again. End the cluster?"
        )
        confirm(question, yes, "The cluster goes on")
    if not head.leave(runs):
        raise CommandError("This machine is in no cluster.", FAILED)
    say("Ended.")


@app.command("slurm")
def submit(
    time: Annotated[str, typer.Option("--time", metavar="H:MM:SS", help="How long each node stays.")],
    nodes: Annotated[int, typer.Option("--nodes", help="How many nodes; each comes when Slurm has it.")] = 1,
    gpus: Annotated[int, typer.Option("--gpus", help="GPUs of each.")] = 1,
    cpus: Annotated[int, typer.Option("--cpus", help="CPUs of each.")] = 1,
    partition: Annotated[str, typer.Option("--partition", help="As `sinfo` shows it.", show_default=False)] = "",
    only_print: Annotated[bool, typer.Option("--print", help="Shows the script, and submits nothing.")] = False,
) -> None:
    """Asks Slurm for nodes, which join this machine's cluster for as long as they last."""
    from core.cluster.slurm import Pilot, write_script
    from core.cluster.slurm import submit as submit_script
    from core.system.folders import runs_folder

    script = write_script(runs_folder(), Pilot(nodes, gpus, time, cpus, partition))
    if only_print:
        print(script, end="")
        return
    job = submit_script(script)
    print(job)
    say(
        f"Submitted as job {job}. Its nodes are on the Lab page once Slurm has started them; `scancel {job}` ends them."
    )
