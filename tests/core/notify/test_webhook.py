"""A webhook gets one POST in its form: no redirect is followed, no proxy asked, nobody mentioned."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from core.notify.messages import Figure, Message
from core.notify.settings import NotifyError, Settings, parse_settings
from core.notify.webhook import send_webhook
from tests.receivers import Hook
from tests.tls import serve_tls

TellBy = Callable[..., Settings]
MESSAGE = Message(
    "finished",
    "run",
    "*a* <!channel> @everyone",
    "Run *a* <!channel> @everyone finished",
    id="7",
    state="finished",
    reason="All epochs done.",
    figures=(Figure("Test accuracy", "80.00 %", 0.8, "test", 900),),
    seconds=17.0,
    path="run?id=7",
    time=1.0,
)


def receive(hook: Hook, settings: Settings) -> Any:
    send_webhook(MESSAGE, settings)
    return hook.received[0][1]


def test_json_holds_every_figure_with_its_split(hook: Hook, tell_by: TellBy) -> None:
    body = receive(hook, tell_by(lab_address="https://lab.example.org"))
    assert hook.received[0][0] == "/services/T0/secret-token"
    assert body["figures"] == [
        {"label": "Test accuracy", "text": "80.00 %", "value": 0.8, "split": "test", "images": 900}
    ]
    assert (body["event"], body["subject"], body["id"], body["seconds"]) == ("finished", "run", "7", 17.0)
    assert body["link"] == "https://lab.example.org/run?id=7"
    assert body["text"].splitlines()[2] == "Test accuracy: 80.00 % (900 test images)"


def test_slack_reads_no_mention_in_a_name(hook: Hook, tell_by: TellBy) -> None:
    body = receive(hook, tell_by("slack"))
    assert list(body) == ["text"]
    assert "<" not in body["text"]
    assert body["text"].startswith("Run *a* &lt;!channel&gt; @everyone finished\nAll epochs done.\n")


def test_discord_mentions_nobody_and_gets_no_more_than_it_takes(hook: Hook, tell_by: TellBy) -> None:
    body = receive(hook, tell_by("discord"))
    assert body["allowed_mentions"] == {"parse": []}
    assert body["content"].startswith(r"Run \*a\* <!channel\> @everyone finished")
    long = Message("failed", "run", "a", "t", reason="\n".join(["x" * 300] * 20))
    send_webhook(long, tell_by("discord"))
    assert len(hook.received[1][1]["content"]) == 2000


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(hook: Hook, tell_by: TellBy, status: int) -> None:
    hook.answers = [status]
    with pytest.raises(NotifyError, match="redirect") as caught:
        send_webhook(MESSAGE, tell_by())
    assert not caught.value.passes
    assert hook.asked == ["POST /services/T0/secret-token"]


@pytest.mark.parametrize(("status", "passes"), [(400, False), (404, False), (429, True), (500, True), (503, True)])
def test_an_answer_says_whether_another_try_helps(hook: Hook, tell_by: TellBy, status: int, passes: bool) -> None:
    hook.answers = [status]
    with pytest.raises(NotifyError, match=str(status)) as caught:
        send_webhook(MESSAGE, tell_by())
    assert caught.value.passes is passes


def test_proxies_of_the_environment_are_not_used(hook: Hook, tell_by: TellBy, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://192.0.2.1:9")
    send_webhook(MESSAGE, tell_by())
    assert len(hook.received) == 1


def test_this_machine_is_not_reached_unless_allowed(hook: Hook) -> None:
    address = f"https://127.0.0.1:{hook.server_port}/x"
    with pytest.raises(NotifyError, match="this machine or its own network") as caught:
        send_webhook(MESSAGE, parse_settings({"webhook": {"address": address}}))
    assert hook.asked == []
    assert not caught.value.passes


@contextmanager
def answering(content: bytes) -> Iterator[int]:
    """A port where each connection gets this and is closed."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(content)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):  # a close with something unread would be a reset
                    pass

        threading.Thread(target=answer, daemon=True).start()
        yield server.getsockname()[1]


def local(port: int, scheme: str = "http", host: str = "127.0.0.1") -> Settings:
    webhook = {"address": f"{scheme}://{host}:{port}/secret-token"}
    return parse_settings({"allow_local": True, "webhook": webhook})


@pytest.mark.parametrize("content", [b"", b"220 mail.example.org\r\n"])
def test_what_is_no_web_server_is_told_as_that(content: bytes) -> None:
    with answering(content) as port, pytest.raises(NotifyError, match="none of HTTP") as caught:
        send_webhook(MESSAGE, local(port))
    assert "secret-token" not in str(caught.value)


def test_nothing_listening_may_pass() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(NotifyError, match="nothing listens") as caught:
        send_webhook(MESSAGE, local(port))
    assert caught.value.passes


def test_a_certificate_must_be_for_the_name_that_was_set(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_tls(tmp_path, "localhost", Hook()) as hook:
        send_webhook(MESSAGE, local(hook.server_port, "https", "localhost"))
        assert len(hook.received) == 1
        with pytest.raises(NotifyError, match="certificate is not trusted, or not for this name"):
            send_webhook(MESSAGE, local(hook.server_port, "https", "127.0.0.1"))
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(NotifyError, match="certificate is not trusted"):
            send_webhook(MESSAGE, local(hook.server_port, "https", "localhost"))
        assert len(hook.received) == 1
