"""Studies in PostgreSQL, for real: Debian's own server on loopback, cut off while four workers search."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import study as studies
from core.study import delete_study, list_studies, start_workers
from tests.core import study_workers
from tests.core.study_workers import LEARNING_RATE, logs_of, make_study, states_of, tiny_study, wait_for_end
from tests.core.workers import wait_for

pytestmark = pytest.mark.slow


class Server:
    """A PostgreSQL server of this test's own, run by a user without rights."""

    def __init__(self, programs: Path, folder: Path, user: str | None) -> None:
        self.programs, self.folder, self.user = programs, folder, user
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://lab@127.0.0.1:{self.port}/postgres"

    def run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), "-D", str(self.folder / "data"), *arguments]
        with open(self.folder / "output.txt", "ab") as output:
            subprocess.run(
                command, check=True, user=self.user, cwd=self.folder, stdout=output, stderr=output, timeout=120
            )

    def make(self) -> None:
        self.run("initdb", "--username=lab", "--auth=trust", "--encoding=UTF8", "--locale=C")

    def start(self) -> None:
        options = f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories={self.folder}"
        self.run("pg_ctl", "-w", "-o", options, "-l", str(self.folder / "server.log"), "start")

    def cut(self) -> None:
        """Ends the server without a word to anyone, as a power cut would."""
        self.run("pg_ctl", "-w", "-m", "immediate", "stop")


def find_programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def find_user() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="resnet-lab-postgres-"))
    user = find_user()
    if user:
        shutil.chown(folder, user)
    server = Server(programs, folder, user)
    try:
        server.make()
        server.start()
        yield server
        server.cut()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def lab(quick_workers: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(studies, "start_process", study_workers.start_module)
    monkeypatch.setenv("RESNET_LAB_STORAGE", server.url)
    return quick_workers


def test_four_workers_lose_nothing_while_the_server_is_cut_off_for_ten_seconds(lab: Path, server: Server) -> None:
    study = make_study(tiny_study(trials=24, workers=4, train={"epochs": 3}, seed=1), "postgres ü")
    start_workers("postgres ü")
    wait_for(lambda: states_of(study).get("finished", 0) >= 4)
    server.cut()
    time.sleep(10)  # the length of the cut is the point
    server.start()
    wait_for_end(study, 180)

    counts = states_of(study)
    # The server may have begun a trial and died before it said so: that one is void, and another was begun.
    counts.pop("void", None)
    assert counts == {"finished": 24}, logs_of(study)
    trials = study.frozen_trials()
    assert [trial.number for trial in trials] == list(range(len(trials)))
    assert {trial.user_attrs["worker"]["index"] for trial in trials if "worker" in trial.user_attrs} == {0, 1, 2, 3}
    assert not (lab / "studies.db").exists()
    assert [summary.name for summary in list_studies()] == ["postgres ü"]
    delete_study("postgres ü")
    assert list_studies() == []


def test_every_value_comes_back_from_the_server_as_it_was(lab: Path) -> None:
    space = [LEARNING_RATE, {"path": "augment.flip", "choices": [True, False]}]
    spec = tiny_study(*space, sampler="random", trials=2)
    study = make_study(spec, "types")
    assert study.spec == spec
    start_workers("types")
    wait_for_end(study)
    assert states_of(study) == {"finished": 2}
    assert all(isinstance(value, bool) for value in study.trials()["params.augment.flip"].tolist())
    delete_study("types")
