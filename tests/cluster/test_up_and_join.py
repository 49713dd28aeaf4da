"""A cluster of three machines by the lab's own commands: who gets in, who is told of, and what ends when it ends."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import psutil
import pytest

from core.cluster.here import kill_all, read_here
from core.machine.versions import describe_versions
from core.runs.store import open_run
from core.system.folders import PROJECT
from tests.cluster.machines import Machine, wait_for_nodes
from tests.core.workers import is_gone, tiny_spec, wait_for

pytestmark = pytest.mark.isolated("ray")

Record = Callable[[str], None]
ADDRESS, OTHER_ADDRESS = "127.0.0.1:6390", "127.0.0.1:6399"
RAY = (sys.executable, "-m", "ray.scripts.scripts")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("machines")


@pytest.fixture(scope="module")
def head(folder: Path) -> Iterator[Machine]:
    head = Machine(folder / "head")
    said = head.done("cluster", "up", "--address", "127.0.0.1", "--port", "6390")
    assert f"python -m core cluster join {ADDRESS}" in said
    assert head.token not in said
    yield head
    head.core("cluster", "down", "--yes")


@pytest.fixture(scope="module")
def boxes(folder: Path, head: Machine) -> Iterator[list[Machine]]:
    """Two machines that joined, each at an address of its own."""
    boxes = [Machine(folder / f"box{number}") for number in (1, 2)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda each: join(each[1], head, f"127.0.0.{each[0]}"), enumerate(boxes, start=2)))
    yield boxes
    for box in boxes:
        box.core("cluster", "down")


def join(box: Machine, head: Machine, address: str) -> None:
    box.done("cluster", "join", ADDRESS, "--address", address, "--cpus", "1", "--gpus", "0", text=head.token)


def list_commands() -> list[tuple[int, str]]:
    """Every process and its command line."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            found.append((process.pid, " ".join(process.cmdline())))
    return found


def test_two_machines_join_and_are_seen_with_what_they_have(head: Machine, boxes: list[Machine]) -> None:
    nodes = wait_for_nodes(head, 2)
    assert [(node.cpus, node.cpus_free, node.gpus, node.lost) for node in nodes] == [(1.0, 1.0, 0.0, None)] * 2
    assert [{"python": node.python, "torch": node.torch, "lab": node.lab} for node in nodes] == [
        describe_versions()
    ] * 2
    assert all(node.memory > node.memory_used > 0 and node.device for node in nodes)
    assert head.status()["here"] == "head"
    assert boxes[0].status()["here"] == "node"
    assert "already" in boxes[0].core("cluster", "join", ADDRESS, text=head.token).stderr


def test_a_command_trains_on_a_node(head: Machine, boxes: list[Machine], monkeypatch: pytest.MonkeyPatch) -> None:
    wait_for_nodes(head, 2)
    spec = tiny_spec(epochs=2).model_dump_json()
    run_id = head.done("train", "-", "--on", "cluster", text=spec).split()[0]
    monkeypatch.setenv("RESNET_LAB_RUNS", str(head.runs))
    run = open_run(run_id)
    assert run.state() == "finished"
    assert run.environment()["node"] in {node.name for node in head.nodes()}
    assert len(run.rows()) == 2
    wait_for(lambda: all(node.runs == () and node.cpus_free == 1 for node in head.nodes()), 30)


@pytest.mark.promise(
    23,
    "Nobody without the token gets in, and it is in no log, page, command line or note.",
    how="a machine with a wrong token, one with none, and a driver without one; then every file and every command line "
    "of three machines is searched for the token",
    control="the same driver gets into a cluster of Ray that was started without a token",
)
def test_the_token_is_needed_and_is_nowhere_else(
    full: bool, head: Machine, boxes: list[Machine], folder: Path, short_folder: str, record_figure: Record
) -> None:
    driver = start_driver(ADDRESS)  # it tries for a while
    stranger = Machine(folder / "stranger")
    assert "refused" in stranger.core("cluster", "join", ADDRESS, text="f" * 64).stderr
    shutil.rmtree(stranger.runs / ".cluster")
    assert "no token" in stranger.core("cluster", "join", ADDRESS).stderr
    searched = 0
    for machine in (head, *boxes):
        here = read_here(machine.runs)
        assert here
        for root in (machine.runs, Path(here.folder)):
            for path in root.rglob("*"):
                if path.is_file() and path != machine.runs / ".cluster" / "token":
                    searched += 1
                    assert head.token.encode() not in path.read_bytes(), path
    assert not any(head.token in words for _, words in list_commands())
    assert not gets_in(driver)
    if full:
        with another_ray(short_folder):
            assert gets_in(start_driver(OTHER_ADDRESS))
    record_figure(f"wrong, missing and no token refused; {searched} files searched")


def start_driver(address: str) -> subprocess.Popen[bytes]:
    """A program without a token that enters the cluster there."""
    code = f"import ray; ray.init({address!r}, log_to_driver=False); print('in')"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**environment, "RAY_AUTH_MODE": "disabled"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def gets_in(driver: subprocess.Popen[bytes]) -> bool:
    printed, _ = driver.communicate(timeout=100)
    return b"in\n" in printed


@pytest.mark.promise(
    24,
    "A machine whose Python, torch or lab differs does not join, and both versions are told.",
    how="a copy of the lab with one more comment in its engine",
    control="the machines that are like the head have joined",
)
def test_a_machine_with_another_lab_is_refused(head: Machine, folder: Path, record_figure: Record) -> None:
    copy = folder / "other-lab"
    shutil.copytree(PROJECT / "core", copy / "core", ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "core" / "engine" / "train.py").open("a").write("# changed\n")
    said = Machine(folder / "other", copy).core("cluster", "join", ADDRESS, text=head.token)
    assert said.returncode == 2
    assert f"{describe_versions()['lab']} there" in said.stderr
    record_figure("refused, both versions told")


@pytest.mark.promise(
    25,
    "A node that is gone is shown as lost within 15 s, and one whose Ray ended joins again by itself.",
    how="Ray's processes of one node killed; then all of it, as by a power cut",
    control="until then it is shown as there",
)
def test_a_lost_node_is_told_and_comes_back(head: Machine, boxes: list[Machine], record_figure: Record) -> None:
    before = {node.id for node in wait_for_nodes(head, 2)}
    started = time.monotonic()
    for process in boxes[0].processes():
        process.kill()
    wait_for(lambda: len({node.id for node in head.nodes()} - before) == 1 and len(head.nodes()) == 2, 90)
    back = time.monotonic() - started
    started = time.monotonic()
    boxes[1].cut_power()
    wait_for(lambda: len(head.nodes()) == 1 and head.lost(), 30)
    lost = time.monotonic() - started
    assert lost < 15
    assert "lost" in head.done("cluster", "status")
    record_figure(f"lost after {lost:.1f} s; back by itself after {back:.0f} s")


@pytest.mark.promise(
    26,
    "`cluster down` ends what the lab started, and no other Ray of the same user.",
    how="each machine leaves; in full with another Ray beside the cluster, made by `ray start`",
    control="`ray stop` ends the other one too",
)
def test_leaving_ends_own_processes_alone(
    full: bool, head: Machine, boxes: list[Machine], short_folder: str, record_figure: Record
) -> None:
    with another_ray(short_folder) if full else nullcontext(set[int]()) as others:
        for machine in (*boxes, head):
            machine.core("cluster", "down", "--yes")
            assert machine.processes() == []
            assert machine.status() == {"here": None, "address": None, "seen": None, "nodes": []}
        assert not any(map(is_gone, others))
        if others:
            subprocess.run([*RAY, "stop", "--force"], stdout=subprocess.DEVNULL, timeout=100, check=False)
            wait_for(lambda: all(map(is_gone, others)), 20)
    record_figure(f"3 machines left{', the other Ray went on' if others else ''}")


@pytest.fixture
def short_folder() -> Iterator[str]:
    """Below it Ray has sockets, whose paths may have 107 characters."""
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield folder


@contextmanager
def another_ray(folder: str) -> Iterator[set[int]]:
    """A head of Ray that is not the lab's, and asks for no token; the process by which others join it."""
    host, _, port = OTHER_ADDRESS.partition(":")
    place = ["--head", f"--port={port}", "--num-cpus=0", "--include-dashboard=false", f"--node-ip-address={host}"]
    subprocess.run(
        [*RAY, "start", *place, f"--temp-dir={folder}"],
        env={**os.environ, "RAY_AUTH_MODE": "disabled"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=100,
        check=True,
    )
    found = {pid for pid, words in list_commands() if f"--gcs_server_port={port}" in words}
    assert found
    try:
        yield found
    finally:
        with suppress(psutil.NoSuchProcess):
            kill_all([psutil.Process(pid) for pid, words in list_commands() if folder in words])
