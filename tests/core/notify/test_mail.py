"""Mail arrives whole, encrypted where that is set, and what a server refuses is told without its words."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.notify.mail import send_mail
from core.notify.messages import Message
from core.notify.settings import NotifyError, Settings, parse_settings
from tests.receivers import Post
from tests.tls import serve_tls, server_context, write_certificate

ByMail = Callable[..., Settings]
MESSAGE = Message(
    "finished", "run", "größer", "Run größer finished", reason="All epochs done.", path="run?id=7", time=1
)


def read(post: Post, number: int = 0) -> Any:
    return email.message_from_string(post.received[number], policy=email.policy.default)


def test_a_message_arrives_with_its_headers(post: Post, by_mail: ByMail) -> None:
    send_mail(MESSAGE, by_mail(lab_address="https://lab.example.org"))
    mail = read(post)
    assert mail["Subject"] == "Run größer finished"
    assert (mail["From"], mail["To"]) == ("lab@example.org", "ann@example.org")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"].endswith("@example.org>")
    assert mail.get_content().splitlines() == ["All epochs done.", "", "https://lab.example.org/run?id=7"]
    # This machine's name is told to nobody.
    assert post.commands[0] == "ehlo [127.0.0.1]"


@pytest.mark.parametrize(
    ("verb", "answer", "sentence", "passes"),
    [
        ("MAIL", "550 no ann@example.org secret", "The mail server did not take the sender's address (550).", False),
        ("RCPT", "450 later", "The mail server took none of the receivers (450).", True),
        ("RCPT", "550 unknown", "The mail server took none of the receivers (550).", False),
        ("DATA", "451 busy", "The mail server did not take the message (451).", True),
    ],
)
def test_what_a_server_refuses(
    post: Post, by_mail: ByMail, verb: str, answer: str, sentence: str, passes: bool
) -> None:
    post.refusals[verb] = answer
    with pytest.raises(NotifyError) as caught:
        send_mail(MESSAGE, by_mail())
    assert (str(caught.value), caught.value.passes) == (sentence, passes)


def test_this_machine_is_not_reached_unless_allowed(post: Post, by_mail: ByMail) -> None:
    mail = {"host": "localhost", "port": post.port, "sender": "a@example.org", "to": ["b@example.org"]}
    settings = parse_settings({"mail": mail})
    with pytest.raises(NotifyError, match="this machine or its own network"):
        send_mail(MESSAGE, settings)
    assert post.commands == []


def signed_in(post: Post, security: str) -> Settings:
    mail = {"host": "localhost", "port": post.port, "security": security, "user": "ann", "password": "very-secret"}
    return parse_settings({"allow_local": True, "mail": {**mail, "sender": "a@example.org", "to": ["b@example.org"]}})


def test_starttls_comes_before_the_password(post: Post, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = write_certificate(tmp_path, "localhost")
    post.context = server_context(certificate, key)
    with pytest.raises(NotifyError, match="certificate is not trusted"):
        send_mail(MESSAGE, signed_in(post, "starttls"))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    post.commands.clear()
    send_mail(MESSAGE, signed_in(post, "starttls"))
    verbs = [command.split()[0].upper() for command in post.commands]
    assert verbs.index("(ENCRYPTED)") < verbs.index("AUTH") < verbs.index("MAIL")
    assert len(post.received) == 1


def test_a_server_without_starttls_gets_no_password(post: Post) -> None:
    with pytest.raises(NotifyError, match="does not offer STARTTLS"):
        send_mail(MESSAGE, signed_in(post, "starttls"))
    assert not any(command.upper().startswith("AUTH") for command in post.commands)


def test_tls_from_the_first_byte_checks_the_name(tmp_path: Path) -> None:
    with serve_tls(tmp_path, "localhost", Post()) as post:
        send_mail(MESSAGE, signed_in(post, "tls"))
        assert len(post.received) == 1
        post.refusals["AUTH"] = "535 very-secret is wrong"
        with pytest.raises(NotifyError) as caught:
            send_mail(MESSAGE, signed_in(post, "tls"))
    assert str(caught.value) == "The mail server did not take the user and password (535)."
