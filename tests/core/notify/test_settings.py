"""Settings are checked by field, kept for their owner alone, and never give a secret away."""

from __future__ import annotations

import io
import json
import os
import stat
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.export.make import export_runs
from core.notify import announce as announcing
from core.notify.announce import announce_figures
from core.notify.events import settings_path
from core.notify.settings import (
    NotifyError,
    Settings,
    change_settings,
    parse_settings,
    read_settings,
    reveal,
    save_settings,
    show_settings,
)
from tests.bundles import make_whole_run

MAIL = {"host": "mail.example.org", "sender": "lab@example.org", "to": ["ann@example.org"]}
HOOK = {"form": "slack", "address": "https://hooks.example.org/services/T0/B0/secret"}


def test_what_is_kept_is_what_was_set_in_a_file_that_only_its_owner_reads() -> None:
    wanted = parse_settings({"webhook": HOOK, "mail": {**MAIL, "user": "ann", "password": "pw"}, "trials": True})
    before = os.umask(0)
    try:
        save_settings(wanted)
        save_settings(wanted)
    finally:
        os.umask(before)
    assert stat.S_IMODE(settings_path().stat().st_mode) == 0o600
    assert read_settings() == wanted
    assert read_settings().webhook.address.get_secret_value() == HOOK["address"]


def test_nothing_is_set_at_first() -> None:
    assert read_settings() == Settings()
    assert Settings().channels == ()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"webhook": {"address": "ftp://example.org/x"}}, "webhook.address: is no address, as https://host/path is"),
        ({"webhook": {"address": "https://"}}, "webhook.address: is no address, as https://host/path is"),
        ({"webhook": {"address": "https://example.org:99999/"}}, "webhook.address: is no address"),
        ({"webhook": {"address": "https://a:b@example.org/"}}, "webhook.address: must not hold a name or a password"),
        ({"webhook": {"address": "https://example.org/a b"}}, "webhook.address: must be 1 to 2,000 ASCII characters"),
        ({"webhook": {"address": "https://exämple.org/"}}, "webhook.address: must be 1 to 2,000 ASCII characters"),
        ({"webhook": {"address": "http://example.org/x"}}, "webhook.address: must begin with https://, unless local"),
        ({"webhook": {"form": "slack"}}, "webhook.address: is needed"),
        ({"webhook": {"form": "teams", "address": "https://e.org"}}, "webhook.form: must be 'json', 'slack' or"),
        ({"mail": {**MAIL, "to": []}}, "mail.to: is needed"),
        ({"mail": {**MAIL, "to": ["ann"]}}, "mail.to: must be a mail address, as ann@example.org is"),
        ({"mail": {**MAIL, "to": ["a@example.org\nBcc: b@example.org"]}}, "mail.to: must be a mail address"),
        ({"mail": {**MAIL, "sender": "Ann <ann@example.org>"}}, "mail.sender: must be a mail address"),
        ({"mail": {**MAIL, "host": "a b"}}, "mail.host: must be the name or address of a mail server"),
        ({"mail": {**MAIL, "port": 0}}, "mail.port: must be greater than or equal to 1"),
        ({"mail": {**MAIL, "security": "none"}}, "mail.security: must be STARTTLS or TLS, unless local"),
        ({"mail": {**MAIL, "user": "ann"}}, "mail.password: name both a user and a password, or neither"),
        ({"events": ["finished", "tea"]}, "events: tea is none of finished, failed, stopped, given_up, figure"),
        ({"figures": {"val/speed": 1.0}}, "figures: val/speed is none of val/accuracy, val/loss, test/accuracy"),
        ({"figures": {"val/accuracy": 90}}, "figures: val/accuracy must be 0 to 1"),
        ({"figures": {"val/loss": float("nan")}}, "figures.val/loss: must be a finite number"),
        ({"lab_address": "javascript:x"}, "lab_address: must be where people reach the lab"),
        ({"colour": "red"}, "settings: holds an unknown field"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_field(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(NotifyError) as caught:
        parse_settings(values)
    assert str(caught.value).startswith(sentence)


def test_a_password_is_not_sent_in_the_clear() -> None:
    mail = {**MAIL, "security": "none", "user": "ann", "password": "pw"}
    with pytest.raises(NotifyError, match="is only sent over STARTTLS or TLS"):
        parse_settings({"allow_local": True, "mail": mail})


def test_changes_go_to_their_fields_and_leave_the_others() -> None:
    before = parse_settings({"webhook": HOOK, "figures": {"val/loss": 0.5}})
    after = change_settings(before, {"webhook.form": "json", "figures.val/accuracy": 0.9, "mail": None})
    assert after.webhook.form == "json"
    assert after.webhook.address.get_secret_value() == HOOK["address"]
    assert after.figures == {"val/loss": 0.5, "val/accuracy": 0.9}
    assert change_settings(after, {"figures.val/loss": None}).figures == {"val/accuracy": 0.9}
    assert change_settings(after, {"webhook": None}).channels == ()


def test_no_export_of_a_run_holds_anything_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcing, "_start", lambda message: None)
    save_settings(parse_settings({"webhook": HOOK, "figures": {"val/accuracy": 0.01}}))
    run = make_whole_run(name="a")
    announce_figures(run.path, {"epoch": 1, "val/accuracy": 0.5})
    assert (run.path / "told.json").exists()
    for kind in ("zip", "html"):
        content = export_runs([run.id], kind).path.read_bytes()
        if kind == "zip":
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                content = b"".join([archive.read(name) for name in archive.namelist()])
                assert not any("told" in name for name in archive.namelist())
        assert b"hooks.example.org" not in content
        assert b"/services/T0" not in content


SECRET = st.text("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789-_%!*'()+", min_size=12, max_size=60)


def _leak(make: Callable[[], object]) -> str:
    try:
        return repr(make())
    except Exception as error:  # noqa: BLE001 - whatever comes, its text is looked at
        return f"{error!r} {error} {error.__cause__!r} {error.__context__ if not error.__suppress_context__ else ''!r}"


@settings(max_examples=60, deadline=None)
@given(path=SECRET, password=SECRET, fault=st.sampled_from(["", "host", "port", "form", "extra", "scheme", "to"]))
def test_no_secret_is_shown_whatever_is_wrong_beside_it(path: str, password: str, fault: str) -> None:
    webhook: dict[str, Any] = {"form": "slack", "address": f"https://hooks.example.org/services/{path}"}
    mail: dict[str, Any] = {**MAIL, "user": "ann", "password": password}
    match fault:
        case "host":
            mail["host"] = " "
        case "port":
            mail["port"] = 70_000
        case "form":
            webhook["form"] = "fax"
        case "extra":
            webhook[path] = password
        case "scheme":
            webhook["address"] = f"gopher://{path}"
        case "to":
            mail["to"] = [f"{password} "]
    values = {"webhook": webhook, "mail": mail}
    said = _leak(lambda: parse_settings(values))
    if not fault:
        kept = parse_settings(values)
        said += str(kept) + json.dumps(show_settings(kept)) + kept.model_dump_json() + repr(kept.model_dump())
        assert path in json.dumps(reveal(kept))  # for the file alone
    assert path not in said
    assert password not in said


@pytest.mark.parametrize("change", [{"mail.host": "elsewhere.example.org"}, {"mail.port": 26}, {"mail.user": "bob"}])
def test_a_kept_password_goes_to_no_other_server(change: dict[str, Any]) -> None:
    mail = {"host": "mail.example.org", "port": 587, "user": "ann", "password": "secret"}
    kept = parse_settings({"mail": {**mail, "sender": "a@example.org", "to": ["b@example.org"]}})
    assert "secret" in json.dumps(reveal(change_settings(kept, {"mail.sender": "c@example.org"})))
    with pytest.raises(NotifyError, match="name both a user and a password"):
        change_settings(kept, change)
    typed = change_settings(kept, change | {"mail.password": "another"})
    assert "secret" not in json.dumps(reveal(typed))
