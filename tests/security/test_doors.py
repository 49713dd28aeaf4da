"""Only this machine, only its own address, only pages of its own, in no frame, and nothing told to others."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from server import dashboard
from server.doors import FOREIGN_PAGE, NO_ORIGIN, NOT_MY_ADDRESS, Asked, Door, is_loopback, read_host
from server.guard import Guard
from tests.lab_server import LabServer, find_free_port, serve_lab
from tests.security.asking import ROOT, SOCKET_HEADERS, Answer, Fields, Route, ask, each_way, list_routes

pytestmark = pytest.mark.xdist_group("security-doors")
Record = Callable[[str], None]
EVIL = "evil.example"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    with serve_lab(tmp_path_factory.mktemp("doors")) as server:
        yield server


@pytest.fixture(scope="module")
def routes() -> list[Route]:
    return list_routes()


def foreign(port: int) -> dict[str, Fields]:
    """What a foreign page, or one whose name was re-bound to this machine, sends."""
    own = f"127.0.0.1:{port}"
    hosts = [
        EVIL, f"{EVIL}:{port}", f"{EVIL}.", f"127.0.0.1.{EVIL}:{port}", f"{own}.{EVIL}", f"localhost@{EVIL}",
        f"localhost.{EVIL}", "0.0.0.0", f"0.0.0.0:{port}", "2130706433", "127.1", "[::1", "::1", "[::ffff:127.0.0.1]",
        f"localhost:{port}, {EVIL}", f"{own}/@{EVIL}", "127.0.0.1:99999", "xn--lcalhost-54a",
    ]  # fmt: skip
    origins = [
        f"http://{EVIL}", f"http://{EVIL}:{port}", "null", f"https://{own}", f"http://localhost:{port}",
        "http://127.0.0.1", f"http://127.0.0.1:{port + 1}", f"http://{own}.{EVIL}", "file://", "",
    ]  # fmt: skip
    return {
        **{f"Host {host}": [("Host", host)] for host in hosts},
        "no Host value": [("Host", "")],
        **{f"Origin {origin}": [("Host", own), ("Origin", origin)] for origin in origins},
        "two Origins": [("Host", own), ("Origin", f"http://{own}"), ("Origin", f"http://{EVIL}")],
        "a picture elsewhere": [("Host", own), ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Dest", "image")],
        "a frame elsewhere": [("Host", own), ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Dest", "iframe")],
        "a script next door": [("Host", own), ("Sec-Fetch-Site", "same-site"), ("Sec-Fetch-Dest", "script")],
    }


def is_refused(answer: Answer, name: str) -> bool:
    """By our own plain sentence, or by the HTTP library for a request that is none."""
    sentence = answer.body.decode().strip()
    if answer.status == 400 and ("Host" in name or name == "two Origins"):
        return True
    if "Host" in name:
        return (answer.status, sentence) == (421, NOT_MY_ADDRESS)
    return answer.status == 403 and sentence in (FOREIGN_PAGE, NO_ORIGIN)


@pytest.mark.promise(
    16,
    "A foreign page, or one whose name was re-bound to this machine, gets nothing from any route.",
    how="every method of every route the app lists, with foreign, broken and doubled `Host` and `Origin` headers",
    control="`test_without_the_guard_a_foreign_page_gets_in`",
)
def test_every_route_refuses_foreign_hosts_and_pages(
    lab: LabServer, routes: list[Route], full: bool, record_figure: Record
) -> None:
    assert len(routes) > 20
    assert any(route.is_socket for route in routes)
    attacks, asked = foreign(lab.port), 0
    for method, path, extra in each_way(routes):
        for number, (name, fields) in enumerate(attacks.items()):
            # In short: each attack somewhere, and on every route one of each kind.
            if not full and (number + asked) % 4 and name not in (f"Host {EVIL}", f"Origin http://{EVIL}"):
                continue
            answer = ask(lab.port, method, path, [*fields, *extra])
            asked += 1
            refused = is_refused(answer, name) or (method == "HEAD" and answer.status in (403, 421, 400))
            assert refused, f"{method} {path} with {name}: {answer.status} {answer.body[:80]!r}"
    record_figure(f"{asked:,} requests to {len(routes)} routes, 0 answered")


def test_doubled_and_missing_hosts_are_refused(lab: LabServer) -> None:
    own = ("Host", f"127.0.0.1:{lab.port}")
    for path, extra in (("/", ()), ("/lab/health", ()), ("/_stcore/stream", SOCKET_HEADERS)):
        assert ask(lab.port, "GET", path, [own, ("Host", EVIL), *extra]).status in (400, 421)
        assert ask(lab.port, "GET", path, [("Host", EVIL), own, *extra]).status in (400, 421)
        assert ask(lab.port, "GET", path, [own, own, *extra]).status in (400, 421)
        assert ask(lab.port, "GET", path, extra).status == 400
        assert ask(lab.port, "GET", path, [], version="1.0").status == 421


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "localhost.", "[::1]", "[0:0:0:0:0:0:0:1]"])
def test_its_own_names_are_answered_however_they_are_spelt(lab: LabServer, name: str) -> None:
    for host in (name, f"{name}:{lab.port}", f"{name}:9000"):  # the last is a tunnel's end on another machine
        assert ask(lab.port, "GET", "/lab/health", [("Host", host)]).status == 200, host
        origin = ("Origin", f"http://{host}")
        assert ask(lab.port, "GET", "/lab/health", [("Host", host), origin]).status == 200, host
        if "0:0" not in host:  # Streamlit's own list, which is asked as well, knows one spelling
            answer = ask(lab.port, "GET", "/_stcore/stream", [("Host", host), origin, *SOCKET_HEADERS])
            assert answer.status == 101, host


def test_what_changes_something_must_name_its_origin(lab: LabServer) -> None:
    own = ("Host", f"127.0.0.1:{lab.port}")
    for method in ("PUT", "DELETE"):
        answer = ask(lab.port, method, "/_stcore/upload_file/x/x", [own])
        assert (answer.status, b"origin" in answer.body) == (403, True)
    assert ask(lab.port, "GET", "/_stcore/stream", [own, *SOCKET_HEADERS]).status == 403


def test_a_link_may_lead_here_from_anywhere(lab: LabServer) -> None:
    fields = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Dest", "document"), ("Sec-Fetch-Mode", "navigate")]
    assert ask(lab.port, "GET", "/run?id=x", [("Host", f"127.0.0.1:{lab.port}"), *fields]).status == 200


def test_no_answer_may_be_framed_or_fetch_from_elsewhere(lab: LabServer, routes: list[Route]) -> None:
    for method, path, extra in each_way(routes):
        if extra:
            continue
        fields = [("Host", f"127.0.0.1:{lab.port}"), ("Origin", f"http://127.0.0.1:{lab.port}")]
        headers = ask(lab.port, method, path, fields).headers
        policy = headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY", path
        assert "frame-ancestors 'none'" in policy, path
        assert "default-src 'self'" in policy
        assert "http" not in policy, "a host of others is let in"


def test_nothing_listens_but_on_the_loopback_and_nothing_is_told_to_others(lab: LabServer) -> None:
    assert lab.process
    process = psutil.Process(lab.process.pid)
    listening = [each.laddr.ip for each in process.net_connections() if each.status == psutil.CONN_LISTEN]
    assert listening == ["127.0.0.1"]
    with connect(f"ws://127.0.0.1:{lab.port}/_stcore/stream", origin=lab.url, subprotocols=["streamlit"]) as page:
        from streamlit.proto.BackMsg_pb2 import BackMsg

        message = BackMsg()
        message.rerun_script.page_name = "lab"
        page.send(message.SerializeToString())
        first = next(reply for reply in map(_read, page) if reply.WhichOneof("type") == "new_session")
        assert first.new_session.config.gather_usage_stats is False
    assert b'"metricsUrl":""' in ask(lab.port, "GET", "/_stcore/host-config", [("Host", "localhost")]).body
    told = [each.raddr.ip for each in process.net_connections() if each.raddr and not is_loopback(each.raddr.ip)]
    assert told == []


def _read(frame: Any) -> ForwardMsg:
    return ForwardMsg.FromString(frame)


def test_without_the_guard_a_foreign_page_gets_in(tmp_path: Path) -> None:
    """The control: the same attacks on the same server without its guard."""
    with serve_lab(tmp_path, LabServer(tmp_path, "tests/security/bare_app.py")) as bare:
        for path in ("/", "/lab/health", "/_stcore/health", "/_stcore/host-config", "/_stcore/metrics"):
            answer = ask(bare.port, "GET", path, [("Host", EVIL), ("Origin", f"http://{EVIL}")])
            assert answer.status == 200, path
            assert "x-frame-options" not in answer.headers


# The door itself -----------------------------------------------------------------------------------------------------


@given(st.text(max_size=60))
def test_whatever_calls_itself_host_is_known_or_refused(host: str) -> None:
    read = read_host(host)
    refusal = Door().why_refused(Asked("http", "GET", [host]))
    assert (refusal is None) == (read is not None and read[0] in ("127.0.0.1", "localhost", "::1"))


@given(st.from_regex(r"[a-z0-9.-]{1,30}\.(example|localhost\.example|127\.0\.0\.1\.com)", fullmatch=True))
def test_no_name_below_another_domain_is_ours(name: str) -> None:
    assert Door().why_refused(Asked("http", "GET", [name])) is not None


def test_a_star_stands_for_names_below_a_domain_alone() -> None:
    door = Door(("*.example.org",))
    assert door.why_refused(Asked("http", "GET", ["lab.example.org"])) is None
    for host in ("example.org", "labexample.org", "example.org.evil.example"):
        assert door.why_refused(Asked("http", "GET", [host])) is not None


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LOCALHOST."])
def test_an_address_of_this_machine_alone_is_known(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.7", "lab.example.org", "127.0.0.1.evil.example", ""])
def test_any_other_address_counts_as_reached_by_others(address: str) -> None:
    assert not is_loopback(address)


def test_however_it_is_started_it_serves_this_machine_alone() -> None:
    """Behind `uvicorn --host 0.0.0.0`, which no setting of Streamlit tells: the address that was reached does."""
    guard = Guard(None, Door())  # type: ignore[arg-type]
    for address, refused in (("127.0.0.1", False), ("::1", False), ("192.168.1.7", True), ("fe80::1", True)):
        scope = {
            "type": "http", "method": "GET", "scheme": "http", "path": "/", "server": (address, 8501),
            "headers": [(b"host", b"localhost")],
        }  # fmt: skip
        assert (guard._why_refused(scope) is not None) == refused, address


# Start ---------------------------------------------------------------------------------------------------------------

STARTS: dict[str, tuple[list[str], dict[str, str], str]] = {
    "a flag": (["--server.address=0.0.0.0"], {}, "server.address is 0.0.0.0"),
    "the environment": ([], {"STREAMLIT_SERVER_ADDRESS": "::"}, "server.address is ::"),
    "no address": ([], {}, "server.address is not set"),
    "the file": ([], {}, "server.address is 0.0.0.0"),
    "any host": (["--server.allowedHosts=*"], {}, "server.allowedHosts must name hosts"),
}


@pytest.mark.promise(
    16,
    "A start that others could reach without signing in is refused, with the reason and what to do.",
    how="an address beyond this machine as flag, environment, file, or none at all; any host allowed",
    control="all other tests start the same server on 127.0.0.1",
)
def test_a_start_that_others_could_reach_is_refused(tmp_path: Path, full: bool, record_figure: Record) -> None:
    ways = STARTS if full else {name: STARTS[name] for name in ("a flag", "no address")}
    folders = {
        "the file": copy_with_address(tmp_path / "file", 'address = "0.0.0.0"'),
        "no address": copy_with_address(tmp_path / "none", ""),
    }
    for name, (flags, environment, reason) in ways.items():
        done = subprocess.run(
            [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={find_free_port()}", *flags],
            cwd=folders.get(name, ROOT),
            env={**os.environ, **environment, "RESNET_LAB_RUNS": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode != 0, name
        assert reason in done.stderr, done.stderr
        assert "Traceback" not in done.stderr, name
        assert "docs/SIGN-IN.md" in done.stderr or name == "any host"
    record_figure(f"{len(ways)} starts, {len(ways)} refused")


def copy_with_address(project: Path, address: str) -> Path:
    """The project with another setting, the code being the same."""
    (project / ".streamlit").mkdir(parents=True)
    for name in ("app.py", "pages", "core", "server"):
        (project / name).symlink_to(ROOT / name)
    settings = (ROOT / ".streamlit" / "config.toml").read_text()
    assert 'address = "127.0.0.1"' in settings
    changed = settings.replace('address = "127.0.0.1"', address, 1)
    (project / ".streamlit" / "config.toml").write_text(changed)
    return project


# optuna-dashboard ----------------------------------------------------------------------------------------------------


@pytest.mark.promise(
    16,
    "optuna-dashboard, which obeys whoever reaches it, is behind the same door.",
    how="every route it lists, asked with foreign `Host` and `Origin` headers",
    control="the same request to its own application without the guard is answered",
)
def test_every_route_of_optuna_dashboard_is_behind_the_door(lab_folders: Path, record_figure: Record) -> None:
    dashboard._path("").parent.mkdir()
    inner = dashboard._make_app()
    port, asked = 4711, 0
    guarded = dashboard.guard(inner, port, lambda: None)
    for route in inner.routes:
        for name, fields in foreign(port).items():
            values = dict(fields)
            if len(values) < len(fields):
                continue  # WSGI has one value for each
            assert ask_wsgi(guarded, route.method, route.rule, values).startswith(("403", "421")), (route.rule, name)
            asked += 1
    assert ask_wsgi(inner, "GET", "/api/studies", {"Host": EVIL, "Origin": f"http://{EVIL}"}).startswith("200")
    record_figure(f"{asked:,} requests to {len(inner.routes)} routes, 0 answered")


def ask_wsgi(application: Any, method: str, path: str, headers: dict[str, str]) -> str:
    statuses: list[str] = []
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method, "PATH_INFO": path, "SERVER_NAME": "x", "SERVER_PORT": "1", "wsgi.url_scheme": "http",
        "SERVER_PROTOCOL": "HTTP/1.1", "QUERY_STRING": "", "SCRIPT_NAME": "",
    }  # fmt: skip
    environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    b"".join(application(environ, lambda status, *_: statuses.append(status)))
    return statuses[0]
