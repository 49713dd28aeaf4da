"""Where sign-in is set up, nobody sees or does anything without it, and a sign-in that ended is over in every tab."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit import config
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.runtime.secrets import Secrets
from websockets.exceptions import ConnectionClosed

from core.runs.records import About
from core.runs.store import publish_run
from core.spec.presets import PRESETS
from server import start
from server.doors import Asked
from server.guard import OPEN_MESSAGES
from server.sign_in import Person, SignedOut, SignIn, SignInError, find_path, is_listed, read_settings
from tests.lab_server import LabServer
from tests.security.asking import Route, ask, each_way, list_routes
from tests.security.visitor import Visitor, serve_with_sign_in, spell_out

pytestmark = pytest.mark.xdist_group("security-sign-in")
Record = Callable[[str], None]
SECRET_RUN = "a run nobody may know of"
OWN_STATE = ("new_session", "session_status_changed")  # of Streamlit: whether its script runs, and the theme
PAGES = ("", "build", "runs", "run", "compare", "examine", "studies", "lab", "nowhere")
# All that a browser needs to show the button; none of it knows anything of the lab. Everything else needs a sign-in.
OPEN = {"/_stcore/health", "/_stcore/host-config", "/_stcore/stream", "/auth/login", "/auth/logout", "/oauth2callback"}
SHELL = {"/", "/build", "/runs", "/run?id=x", "/nowhere", "/static/index.html", "/favicon.png", "/index.html"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    folder = tmp_path_factory.mktemp("sign-in")
    with serve_with_sign_in(folder) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RESNET_LAB_RUNS", str(folder / "runs"))
        publish_run(PRESETS["first-look"].spec, About(name=SECRET_RUN, started_by="bob@example.org"))
        yield server


@pytest.fixture(scope="module")
def routes() -> list[Route]:
    return list_routes()


def status_of(lab: LabServer, method: str, path: str, extra: Any, cookies: dict[str, str]) -> tuple[int, bytes]:
    fields = [("Host", f"localhost:{lab.port}"), ("Origin", lab.url), *extra]
    fields.append(("Cookie", "; ".join(f"{name}={value}" for name, value in cookies.items())))
    answer = ask(lab.port, method, path, fields)
    return answer.status, answer.body


@pytest.mark.promise(
    17,
    "Every route needs the sign-in, also one that is added tomorrow.",
    how="every method of every route the app lists: without, with a forged, a signed-out and an unlisted sign-in",
    control="the same requests of somebody who is signed in are not refused",
)
def test_every_route_needs_the_sign_in(lab: LabServer, routes: list[Route], record_figure: Record) -> None:
    ann, eve, mallory = (Visitor(lab).sign_in(name) for name in ("ann", "eve", "mallory"))
    gone = Visitor(lab).sign_in("bob")
    stolen = gone.cookies
    gone.sign_out()
    forged = {**ann.cookies, "_streamlit_user": ann.cookies["_streamlit_user"][:-3] + "AAA"}
    kept_out = {"nobody": {}, "forged": forged, "signed out": stolen, "tokens alone": tokens_of(ann)}
    asked = 0
    for method, path, extra in each_way(routes):
        for name, cookies in kept_out.items():
            status, body = status_of(lab, method, path, extra, cookies)
            asked += 1
            if path in OPEN | SHELL:
                assert status != 401, (method, path, name)
                assert SECRET_RUN.encode() not in body
            else:
                assert status == 401, (method, path, name, status, body[:80])
        if path in OPEN | SHELL:
            continue
        for unlisted in (eve, mallory):
            assert status_of(lab, method, path, extra, unlisted.cookies)[0] == 403, (method, path)
        status, body = status_of(lab, method, path, extra, ann.cookies)
        assert status != 401, (method, path)
        assert b"may use this lab" not in body
        asked += 3
    assert {path for _, path, _ in each_way(routes)} >= OPEN
    record_figure(f"{asked:,} requests to {len(routes)} routes, 0 answered without sign-in")


def tokens_of(visitor: Visitor) -> dict[str, str]:
    return {name: value for name, value in visitor.cookies.items() if "tokens" in name}


@pytest.mark.promise(
    17,
    "Before the sign-in, nothing of the lab reaches the browser: no name, id or count of a run, no device.",
    how="all messages of every page to somebody who is not signed in, or not on the list",
    control="the same page to somebody who is signed in holds the run's name",
)
def test_nothing_of_the_lab_is_told_before_the_sign_in(lab: LabServer, record_figure: Record) -> None:
    run_id = next(path.name for path in (lab.folder / "runs").iterdir() if path.name[0].isdigit())
    told = re.compile(rf"{SECRET_RUN}|{run_id}|</b> running|</b> queued|[CG]PU|{re.escape(str(lab.folder))}")
    heard = 0
    for visitor in (Visitor(lab), Visitor(lab).sign_in("eve")):
        with visitor.open_tab() as tab:
            for page in PAGES:
                said = tab.run(page, f"id={run_id}")
                heard += len(said)
                assert not told.search(spell_out([each for each in said if each.WhichOneof("type") not in OWN_STATE]))
                assert SECRET_RUN not in spell_out(said)
    assert "eve@evil.example is not on the list" in spell_out(said)
    with Visitor(lab).sign_in("ann").open_tab() as tab:
        control = spell_out(tab.run("runs"))
    assert {SECRET_RUN, run_id, "</b> running", "</b> queued"} <= set(told.findall(control))
    record_figure(f"{heard} messages of {len(PAGES)} pages to two strangers, 0 of them tell anything")


@pytest.mark.parametrize("kind", ["clear_cache", "load_git_info", "file_urls_request", "set_run_on_save", "nonsense"])
def test_a_stranger_may_say_nothing_but_show_me_the_page(lab: LabServer, kind: str) -> None:
    for visitor in (Visitor(lab), Visitor(lab).sign_in("eve")):
        with visitor.open_tab() as tab:
            tab.run("build")
            if kind == "nonsense":
                tab.socket.send(b"\xff\xff\xff")
            else:
                message = BackMsg()
                if kind == "file_urls_request":
                    message.file_urls_request.request_id = "1"
                else:
                    setattr(message, kind, True)
                tab.send(message)
            assert tab.is_hung_up()


@pytest.mark.promise(
    17,
    "Signed out in one tab is signed out in all: the next action of another is refused, and a copied cookie is dead.",
    how="two tabs of one browser, sign-out in one, an action in the other; the old cookie again, also after a restart",
    control="the same action a moment before the sign-out is done",
)
def test_signed_out_in_one_tab_is_signed_out_in_all(tmp_path: Path, record_figure: Record) -> None:
    with serve_with_sign_in(tmp_path) as lab:
        ann = Visitor(lab).sign_in("ann")
        old = ann.cookies
        with ann.open_tab() as first, ann.open_tab() as second, Visitor(lab).sign_in("ann").open_tab() as elsewhere:
            first.run("lab")
            assert "queued" in spell_out(second.run("lab"))  # the control
            elsewhere.run("lab")
            assert first.press("Sign out") == "/auth/logout"
            ann.sign_out()
            began = time.perf_counter()
            with pytest.raises(ConnectionClosed):
                second.run("runs")
            took = time.perf_counter() - began
            assert "queued" in spell_out(elsewhere.run("lab")), "another browser's sign-in is its own"
        with Visitor(lab, old).open_tab() as stolen:
            assert "queued" not in spell_out(stolen.run("lab"))
        lab.kill()
        lab.start()
        with Visitor(lab, old).open_tab() as stolen:
            assert "queued" not in spell_out(stolen.run("lab"))
            assert "Sign in" in stolen.buttons
    record_figure(
        f"the other tab was cut off {took * 1000:.0f} ms after its next action; the old cookie opened nothing"
    )


# The rules, without a server -----------------------------------------------------------------------------------------


def rule(tmp_path: Path, **changes: Any) -> SignIn:
    return SignIn("http://localhost:1", ("@example.org",), signed_out=SignedOut(tmp_path / "out.json"), **changes)


def person(address: str = "ann@example.org", verified: bool = True, until: float = 2e10) -> Person:
    return Person(address, verified, "key", until)


@pytest.mark.parametrize(
    ("address", "allowed", "listed"),
    [
        ("ann@example.org", ["ann@example.org"], True),
        ("ann@example.org", ["@example.org"], True),
        ("ann@example.org", ["*"], True),
        ("bob@example.org", ["ann@example.org"], False),
        ("ann@sub.example.org", ["@example.org"], False),
        ("ann@notexample.org", ["@example.org"], False),
        ("ann@evil.example@example.org", ["@example.org"], False),
        ('"ann@evil.example"@example.org', ["@example.org"], False),
        ("ann @example.org", ["@example.org"], False),
        ("ann\u202e@example.org", ["@example.org"], False),
        ("ann@example.org\n", ["@example.org", "*"], False),
        ("@example.org", ["@example.org"], False),
        ("ann", ["*"], False),
        ("", ["*"], False),
    ],
)
def test_who_is_on_the_list(address: str, allowed: list[str], listed: bool) -> None:
    assert is_listed(address, allowed) == listed


def test_an_address_that_was_not_verified_is_kept_out_unless_the_provider_owns_them_all(tmp_path: Path) -> None:
    assert "not verified" in rule(tmp_path).why_kept_out(person(verified=False))
    assert not rule(tmp_path, assume_verified=True).why_kept_out(person(verified=False))
    assert "without an e-mail address" in rule(tmp_path).why_kept_out(person(""))
    assert "eve@evil.example" in rule(tmp_path).why_kept_out(person("eve@evil.example"))
    assert not rule(tmp_path).why_kept_out(person())


def test_a_sign_in_runs_out_also_where_the_page_stays_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in = rule(tmp_path)
    assert sign_in.is_valid(person(until=time.time() + 5))
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 6)
    assert not sign_in.is_valid(person(until=now + 5))


def test_a_sign_out_is_kept_until_the_sign_in_would_have_run_out(tmp_path: Path) -> None:
    out = SignedOut(tmp_path / "out.json")
    out.add(Person("a@b", True, "old", time.time() - 1))
    out.add(Person("a@b", True, "new", time.time() + 100))
    again = SignedOut(tmp_path / "out.json")
    assert "new" in again
    assert "old" not in again
    (tmp_path / "out.json").write_text('{"torn')
    assert "new" not in SignedOut(tmp_path / "out.json")


GOOD = {
    "redirect_uri": "https://lab.example.org/oauth2callback",
    "cookie_secret": "x" * 32,
    "client_id": "lab",
    "client_secret": "any",
    "server_metadata_url": "https://id.example.org/.well-known/openid-configuration",
    "allowed": ["@example.org"],
}


def test_good_settings_are_read(lab_folders: Path) -> None:
    settings = read_settings({**GOOD, "allowed": ["Ann@Example.org"], "hours": 8})
    assert (settings.origin, settings.allowed, settings.hours) == ("https://lab.example.org", ("ann@example.org",), 8)
    assert settings.is_encrypted


@pytest.mark.parametrize(
    ("change", "named"),
    [
        *(({key: None}, key) for key in GOOD),
        ({"cookie_secret": "short"}, "cookie_secret"),
        ({"redirect_uri": "http://lab.example.org/oauth2callback"}, "redirect_uri must begin with https"),
        ({"redirect_uri": "https://lab.example.org/"}, "redirect_uri"),
        ({"allowed": []}, "allowed"),
        ({"allowed": "@example.org"}, "allowed"),
        ({"allowed": ["example.org"]}, "allowed: 'example.org'"),
        ({"allowed": [3]}, "allowed"),
        ({"hours": 0}, "hours"),
        ({"hours": True}, "hours"),
        ({"hours": 10_000}, "hours"),
    ],
)
def test_settings_that_would_let_strangers_in_are_refused(
    change: dict[str, Any], named: str, lab_folders: Path
) -> None:
    with pytest.raises(SignInError, match=re.escape(named)):
        read_settings({**GOOD, **change})


def start_with(patch: pytest.MonkeyPatch, secrets: Path, **options: Any) -> SignIn | None:
    """What a start with these settings of Streamlit and this secrets file comes to."""
    known = {"secrets.files": [str(secrets)], **{name.replace("_", ".", 1): value for name, value in options.items()}}
    ask = config.get_option
    patch.setattr(config, "get_option", lambda name: known[name] if name in known else ask(name))
    patch.setattr(start.st, "secrets", Secrets())
    return start.check_start()


def test_with_sign_in_the_lab_may_be_reached_by_others(
    lab_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = tmp_path / "secrets.toml"
    secrets.write_text("[auth]\n" + "".join(f"{key} = {value!r}\n" for key, value in GOOD.items()))
    sign_in = start_with(monkeypatch, secrets, server_address="0.0.0.0")
    assert sign_in is not None
    door = start.open_door(sign_in)
    assert door.why_refused(Asked("http", "GET", ["lab.example.org"], ["https://lab.example.org"])) is None
    assert door.why_refused(Asked("http", "GET", ["lab.example.org"], ["https://evil.example"])) is not None
    assert door.why_refused(Asked("http", "GET", ["evil.example"])) is not None


@pytest.mark.parametrize(
    ("text", "options", "named"),
    [
        ("[auth\n", {}, "secrets.toml cannot be read"),
        ("[auth]\n", {}, "redirect_uri is missing"),
        ("", {"server_address": "0.0.0.0"}, "server.address is 0.0.0.0"),
        (None, {"server_address": None}, "server.address is not set"),
        (None, {"server_enableCORS": False}, "server.enableCORS must be true"),
        (None, {"server_enableXsrfProtection": False}, "server.enableXsrfProtection must be true"),
        (None, {"server_enableAgentApi": True}, "server.enableAgentApi must be false"),
        (None, {"browser_gatherUsageStats": True}, "browser.gatherUsageStats must be false"),
        ("good", {"server_trustedUserHeaders": {"X-Email": "email"}}, "server.trustedUserHeaders must be empty"),
    ],
)
def test_a_start_that_would_open_another_way_in_is_refused(
    text: str | None, options: dict[str, Any], named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESNET_LAB_RUNS", str(tmp_path))
    secrets = tmp_path / "secrets.toml"
    if text is not None:
        good = "[auth]\n" + "".join(f"{key} = {value!r}\n" for key, value in GOOD.items())
        secrets.write_text(good if text == "good" else text)
    with pytest.raises(start.StartError, match=re.escape(named)):
        start_with(monkeypatch, secrets, **options)


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("http://h:1/run?id=1", "/run?id=1"),
        ("https://h:1/", "/"),
        ("http://evil.example/run", ""),
        ("http://h:1//evil.example", ""),
        ("http://h:1/\\evil.example", ""),
        ("http://h:1@evil.example/run", ""),
        ("http://h:1/a\r\nSet-Cookie: x=y", ""),
        ("http://h:1/" + "x" * 4000, ""),
        ("http://[", ""),
        ("", ""),
    ],
)
def test_the_way_back_leads_to_no_other_place(address: str, path: str) -> None:
    # urlsplit drops line breaks by itself: what is left leads nowhere else.
    found = find_path(address, "h:1")
    assert found == path or (found.startswith("/") and "\n" not in found and "\r" not in found and "evil" not in found)


def test_messages_that_are_open_to_strangers_are_known_to_streamlit() -> None:
    assert {field.name for field in BackMsg.DESCRIPTOR.oneofs_by_name["type"].fields} >= set(OPEN_MESSAGES)


def test_about_keeps_who_started_the_run(lab: LabServer) -> None:
    about = next((lab.folder / "runs").glob("*/about.json"))
    assert json.loads(about.read_text())["started_by"] == "bob@example.org"
