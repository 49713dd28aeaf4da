"""A cluster is started and joined by those who may, refusals say what to do, and leaving ends nothing of others."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.cluster import head
from core.cluster.access import REFUSED, ClusterError, TokenRefusedError, keep_token, make_token, read_token, token_path
from core.cluster.head import Door
from core.cluster.here import MARK, Here, find_own, read_here, write_here
from core.machine.nodes import Cluster, read_cluster, write_cluster
from core.machine.versions import describe_versions
from core.system import locks
from core.system.processes import identify
from tests.core.cluster.test_here import make

TOKEN = "0123456789abcdef" * 2


@pytest.fixture
def with_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if Ray were installed; nothing of it is used."""
    monkeypatch.setattr(head, "find_spec", lambda name: True)


@pytest.fixture
def port() -> Iterator[int]:
    """One at which somebody listens for the whole test."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_without_ray_the_command_that_installs_it_is_told(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "find_spec", lambda name: None)
    for ask in (lambda: head.prepare_head(runs), lambda: head.prepare_node(runs, "127.0.0.1")):
        with pytest.raises(ClusterError, match=r"pip install -r requirements-cluster\.txt"):
            ask()


@pytest.mark.parametrize(
    ("address", "told"),
    [("box", "must be an IP address"), ("203.0.113.7", "no such address"), ("0.0.0.0", "name the one address")],
)
def test_a_head_at_an_address_that_is_not_its_own_is_refused(
    runs: Path, with_ray: None, address: str, told: str
) -> None:
    with pytest.raises(ClusterError, match=told):
        head.prepare_head(runs, address)


def test_a_head_gives_no_gpu_that_is_not_there_and_takes_no_port_of_others(
    runs: Path, with_ray: None, port: int
) -> None:
    with pytest.raises(ClusterError, match="--gpus 64: this machine has"):
        head.prepare_head(runs, "127.0.0.1", gpus=64)
    with pytest.raises(ClusterError, match=f"Port {port} is not free"):
        head.prepare_head(runs, "127.0.0.1", port)
    assert not token_path(runs).exists()  # a later `join` would take it for the other head's


def test_a_runs_folder_with_locks_of_each_machine_alone_is_refused(
    runs: Path, with_ray: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mounts").write_text("1 0 0:1 / / rw - lustre server rw,localflock\n")
    monkeypatch.setattr(locks, "MOUNTS", tmp_path / "mounts")
    monkeypatch.setattr(locks, "_checked", set())
    with pytest.raises(locks.RunsFolderError, match="lustre mounted with localflock"):
        head.prepare_head(runs, "127.0.0.1")


@pytest.mark.parametrize("address", ["", ":1", "box:", "box:x", "box:0", "box:65536"])
def test_an_address_without_host_or_port_is_refused(address: str) -> None:
    with pytest.raises(ClusterError, match="HOST:PORT"):
        head.split_address(address)


def test_the_usual_port_need_not_be_typed() -> None:
    assert head.split_address("box") == ("box", 6379)


def test_nobody_joins_without_a_token(runs: Path, with_ray: None, port: int) -> None:
    with pytest.raises(ClusterError, match="no token"):
        head.prepare_node(runs, f"127.0.0.1:{port}")
    with pytest.raises(ClusterError, match="That is no token"):
        head.prepare_node(runs, f"127.0.0.1:{port}", "short")


def test_a_head_that_does_not_answer_is_told(runs: Path, with_ray: None) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(ClusterError, match=f"Nobody answers at {address}"):
            head.prepare_node(runs, address, TOKEN)


def test_other_versions_are_refused_with_both_told(
    runs: Path, with_ray: None, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = {**describe_versions(), "torch": "1.0", "lab": "0" * 12}
    monkeypatch.setattr(head, "_ask_head", lambda runs, address: theirs)
    with pytest.raises(ClusterError) as raised:
        head.prepare_node(runs, f"127.0.0.1:{port}", TOKEN)
    for version in ("1.0", describe_versions()["torch"], "0" * 12, describe_versions()["lab"]):
        assert version in str(raised.value)


def answer(monkeypatch: pytest.MonkeyPatch, status: int, told: str = "") -> list[str]:
    """Has a head answer so; returns the tokens with which it is asked."""
    tokens = []

    def ask(command: list[str], env: dict[str, str], **_: object) -> subprocess.CompletedProcess[str]:
        tokens.append(Path(env["RAY_AUTH_TOKEN_PATH"]).read_text())
        return subprocess.CompletedProcess(command, status, told, "")

    monkeypatch.setattr(head.subprocess, "run", ask)
    return tokens


def test_a_token_that_was_handed_over_is_kept_once_the_head_takes_it(
    runs: Path, with_ray: None, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_token(runs, "of an earlier one".replace(" ", "-"))
    tokens = answer(monkeypatch, REFUSED)
    for token, sent in ((None, "of-an-earlier-one"), (TOKEN, TOKEN)):
        with pytest.raises(TokenRefusedError, match=f"127.0.0.1:{port} refused the token"):
            head.prepare_node(runs, f"127.0.0.1:{port}", token)
        assert tokens.pop() == sent
        assert read_token(runs) == "of-an-earlier-one"
    answer(monkeypatch, 0, json.dumps(describe_versions()))
    here = head.prepare_node(runs, f"127.0.0.1:{port}", TOKEN, gpus=0)
    assert (read_token(runs), [path.name for path in token_path(runs).parent.iterdir()]) == (TOKEN, ["token"])
    Path(here.folder).rmdir()


@pytest.mark.parametrize(
    ("status", "told", "sentence"),
    [(0, "{}", "still being started"), (1, "", "no head of a cluster of this lab"), (0, "?", "no head of a cluster")],
)
def test_what_answers_otherwise_is_told_apart(
    runs: Path, with_ray: None, port: int, monkeypatch: pytest.MonkeyPatch, status: int, told: str, sentence: str
) -> None:
    answer(monkeypatch, status, told)
    with pytest.raises(ClusterError, match=sentence):
        head.prepare_node(runs, f"127.0.0.1:{port}", TOKEN)


def test_a_machine_that_fits_becomes_a_node_towards_its_head(
    runs: Path, with_ray: None, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head, "_ask_head", lambda runs, address: describe_versions())
    here = head.prepare_node(runs, f"localhost:{port}", TOKEN, gpus=0, cpus=3)
    assert (here.kind, here.address, here.own_address) == ("node", f"127.0.0.1:{port}", "127.0.0.1")
    assert (here.cpus, here.gpus) == (3, 0)
    Path(here.folder).rmdir()


def test_one_machine_is_in_one_cluster(runs: Path, with_ray: None) -> None:
    write_here(runs, make(keeper=identify(os.getpid())))
    with pytest.raises(ClusterError, match=r"head of 127\.0\.0\.1:6379 already"):
        head.prepare_head(runs, "127.0.0.1")
    write_here(runs, make(kind="node", keeper=identify(os.getpid())))
    with pytest.raises(ClusterError, match=r"in 127\.0\.0\.1:6379 already"):
        head.prepare_node(runs, "127.0.0.1", TOKEN)


def test_what_ray_left_of_a_cluster_whose_keeper_was_killed_goes_with_the_next_start(
    runs: Path, with_ray: None, tmp_path: Path
) -> None:
    left, other = (tmp_path / name for name in ("lab-ray-left", "somebodys"))
    for folder in (left, other):
        (folder / "session").mkdir(parents=True)
    for folder in (left, other):
        write_here(runs, make(folder=str(folder), keeper={**(identify(os.getpid()) or {}), "started": 1}))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            number = free.getsockname()[1]
        Path(head.prepare_head(runs, "127.0.0.1", number).folder).rmdir()
    assert (left.exists(), other.exists()) == (False, True)


@pytest.mark.parametrize("moved", [-86_400.0, 0.0, 86_400.0])
def test_a_head_is_up_once_its_agent_has_looked_however_the_clock_was_set_meanwhile(
    runs: Path, monkeypatch: pytest.MonkeyPatch, moved: float
) -> None:
    now = time.time()
    write_cluster(runs, Cluster("127.0.0.1:6379", [], now))

    def start(folder: Path, here: Here) -> None:
        write_here(folder, make(keeper=identify(os.getpid())))
        threading.Timer(0.5, write_cluster, (folder, Cluster("127.0.0.1:6379", [], now + moved + 2))).start()

    monkeypatch.setattr(head, "_start_keeper", start)
    monkeypatch.setattr(head, "START_SECONDS", 30.0)
    assert head.start_head(runs, make()).written == now + moved + 2


def test_leaving_ends_own_processes_alone(runs: Path) -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    make_token(runs)
    write_cluster(runs, Cluster("127.0.0.1:6379", []))
    with (
        subprocess.Popen(sleep, env={**os.environ, MARK: str(runs)}) as own,
        subprocess.Popen(sleep, env={**os.environ, MARK: f"{runs}-of-others"}) as others,
    ):
        write_here(runs, make(keeper=identify(own.pid)))
        assert head.leave(runs)
        assert own.wait(10) != 0
        assert others.poll() is None
        others.kill()
    assert (read_here(runs), read_cluster(runs), find_own(runs)) == (None, None, [])
    assert not head.leave(runs)


@pytest.mark.parametrize(
    ("address", "is_open"),
    [
        ("127.0.0.1", False),
        ("::1", False),
        ("::ffff:127.0.0.2", False),
        ("::ffff:10.0.0.5", True),
        ("0.0.0.0", True),
        ("10.0.0.5", True),
        ("::", True),
    ],
)
def test_a_door_is_open_unless_it_is_the_loopbacks(address: str, is_open: bool) -> None:
    assert Door(6379, address, "gcs_server").is_open == is_open


def test_the_ports_of_own_processes_are_listed(runs: Path) -> None:
    listen = """if True:
        import socket, time
        server = socket.create_server(("127.0.0.1", 0))
        print(server.getsockname()[1], flush=True)
        time.sleep(60)
    """
    environment = {**os.environ, MARK: str(runs)}
    with subprocess.Popen([sys.executable, "-c", listen], env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout
        port = int(process.stdout.readline())
        assert [(door.port, door.is_open) for door in head.list_doors(runs)] == [(port, False)]
        process.kill()
