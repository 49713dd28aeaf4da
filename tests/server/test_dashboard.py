"""optuna-dashboard shows the studies to whoever asks at its own address, obeys nobody, and ends by itself."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.studies.manage import create_study
from core.studies.spec import STUDY_PRESETS
from core.studies.study import open_study
from core.system import processes
from core.system.folders import PROJECT
from core.system.locks import FileLock
from server import dashboard
from server.dashboard import Dashboard, find_dashboard, guard, start_dashboard, stop_dashboard
from server.doors import HEADERS

PORT = 4711
WAIT = 120.0  # for a process that imports Optuna on a busy machine


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [("Content-Security-Policy", "default-src 'self'"), ("X-Frame-Options", "ALLOWALL")])
    return [b"shown"]


def ask(method: str = "GET", path: str = "/dashboard", **headers: str) -> tuple[str, dict[str, str], bytes]:
    """One request to the guarded application, without a server."""
    answer: dict[str, Any] = {}

    def start(status: str, fields: list[tuple[str, str]], *_: Any) -> None:
        names = [name.lower() for name, _ in fields]
        assert len(names) == len(set(names)), "a header is there twice"
        answer.update(status=status, headers=dict(fields))

    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "HTTP_HOST": f"127.0.0.1:{PORT}"}
    environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    body = b"".join(guard(application, PORT, lambda: None)(environ, start))
    return answer["status"], answer["headers"], body


@pytest.mark.parametrize("host", [f"127.0.0.1:{PORT}", f"localhost:{PORT}"])
def test_it_answers_at_its_own_address(host: str) -> None:
    status, headers, body = ask(host=host, origin=f"http://{host}")
    assert (status, body) == ("200 OK", b"shown")
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Content-Security-Policy"] == "default-src 'self'; frame-ancestors 'none'"
    assert all(headers[name] == value for name, value in HEADERS)


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},  # a name that was bound to this machine
        {"host": f"evil.example:{PORT}"},
        {"host": "127.0.0.1"},
        {"host": ""},
        {"host": f"127.0.0.1:{PORT}.evil.example"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": f"https://127.0.0.1:{PORT}"},
        {"origin": "http://127.0.0.1:8501"},  # the lab's own page has no business with its interface either
        {"sec_fetch_site": "cross-site", "sec_fetch_dest": "iframe"},
        {"sec_fetch_site": "same-site", "sec_fetch_dest": "script"},
    ],
)
def test_a_foreign_page_gets_nothing(headers: dict[str, str]) -> None:
    status, sent, body = ask(**headers)
    assert status == ("421 Misdirected Request" if "host" in headers else "403 Forbidden")
    assert b"shown" not in body
    assert sent["X-Frame-Options"] == "DENY"


def test_a_link_may_lead_here_from_anywhere() -> None:
    assert ask(sec_fetch_site="same-site", sec_fetch_dest="document", sec_fetch_mode="navigate")[0] == "200 OK"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_studies_are_shown_there_and_changed_only_here(method: str) -> None:
    status, _, body = ask(method, "/api/studies/1", origin=f"http://127.0.0.1:{PORT}")
    assert status == "403 Forbidden"
    assert "Studies page" in json.loads(body)["reason"]


def test_a_note_may_be_written() -> None:
    assert ask("PUT", "/api/studies/1/note", origin=f"http://127.0.0.1:{PORT}")[0] == "200 OK"
    assert ask("PUT", "/api/studies/1/note", origin="http://evil.example")[0] == "403 Forbidden"


@pytest.fixture
def folders(lab_folders: Path) -> Iterator[Path]:
    """Folders of this test's own, and no dashboard left behind."""
    yield lab_folders / "runs"
    stop_dashboard()


def wait_for(state: str) -> Dashboard:
    end = time.monotonic() + WAIT
    while (found := find_dashboard()).state != state:
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found


def fetch(url: str, path: str, host: str = "") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    connection.request("GET", path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_it_is_started_on_request_shows_the_study_and_is_stopped(folders: Path) -> None:
    assert find_dashboard() == Dashboard("stopped")
    create_study("my study", STUDY_PRESETS["first-look"])
    start_dashboard()
    assert find_dashboard().state == "starting"
    start_dashboard()  # a second click starts no second one
    found = wait_for("running")
    study_id = open_study("my study").optuna()._study_id
    assert found.url.startswith("http://127.0.0.1:")
    status, body = fetch(found.url, f"/api/studies/{study_id}")
    assert (status, json.loads(body)["name"]) == (200, "my study")
    assert fetch(found.url, f"/dashboard/studies/{study_id}")[0] == 200
    assert found.url_of(study_id).endswith(f"/dashboard/studies/{study_id}")
    assert fetch(found.url, "/api/studies", host="evil.example")[0] == 421
    assert stop_dashboard()
    assert find_dashboard() == Dashboard("stopped")
    with pytest.raises(OSError, match=r"refused|reset"):
        fetch(found.url, "/api/studies")


@pytest.mark.slow
def test_it_ends_by_itself_when_nobody_looks(folders: Path) -> None:
    command = [sys.executable, "-m", "server.dashboard", "--idle", "0.5"]
    ended = subprocess.run(command, cwd=PROJECT, timeout=WAIT, capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert find_dashboard() == Dashboard("stopped")


@pytest.mark.slow
def test_a_storage_that_cannot_be_reached_is_told(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESNET_LAB_STORAGE", "nonsense://somewhere")
    start_dashboard()
    assert "SQLAlchemy knows no such database" in wait_for("failed").reason
    monkeypatch.delenv("RESNET_LAB_STORAGE")
    start_dashboard()  # and another try is free
    assert wait_for("running").url


def test_a_process_that_died_is_told_and_no_stranger_is_killed(folders: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        recorded = processes.identify(stranger.pid)
        assert recorded
        dashboard._path(".json").parent.mkdir()
        # The same process id, but of a process that began at another time.
        note = {"process": {**recorded, "started": recorded["started"] - 1}, "port": 1}
        dashboard._path(".json").write_text(json.dumps(note))
        assert find_dashboard().state == "stopped"
        assert not stop_dashboard()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_two_never_serve_one_folder(folders: Path) -> None:
    dashboard._path(".json").parent.mkdir()
    with FileLock(dashboard._path(".lock")) as held:
        assert held.acquire(1)
        command = [sys.executable, "-m", "server.dashboard"]
        second = subprocess.run(command, cwd=PROJECT, timeout=WAIT, capture_output=True, check=False)
    assert (second.returncode, second.stderr) == (0, b"")
