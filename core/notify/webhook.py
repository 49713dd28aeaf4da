"""A message by POST to a webhook: as JSON, or in the forms that Slack and Discord take.

By httpcore2, which httpx2 is made of: it follows no redirect, reads no proxy from the environment, and lets the
connection be made here, where its address is checked.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

import httpcore2

from core.notify.addresses import describe_trouble, find_addresses
from core.notify.messages import Message
from core.notify.settings import Form, NotifyError, Settings, may_reach_local

SECONDS = 10.0  # for each step: connecting, writing, the first line of the answer
MAX_DISCORD = 2000  # characters of a message
# What Discord reads as Markdown.
_MARKDOWN = re.compile(r"([\\`*_~|>#\[\]()-])")


class _CheckedBackend(httpcore2.SyncBackend):
    """Connects to addresses that were checked."""

    def __init__(self, local: bool) -> None:
        self.local = local

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        *others, last = find_addresses(host, port, local=self.local)
        for address in others:
            with suppress(httpcore2.ConnectError, httpcore2.ConnectTimeout):
                return super().connect_tcp(address, port, timeout, local_address, socket_options)
        return super().connect_tcp(last, port, timeout, local_address, socket_options)


def send_webhook(message: Message, settings: Settings) -> None:
    """Sends it once. Raises NotifyError."""
    webhook = settings.webhook
    assert webhook
    content = json.dumps(FORM_MAKERS[webhook.form](message, settings.lab_address)).encode()
    headers: dict[bytes | str, bytes | str] = {"Content-Type": "application/json", "User-Agent": "resnet-lab"}
    limits = {"timeout": dict.fromkeys(("connect", "write", "read", "pool"), SECONDS)}
    context = httpcore2.default_ssl_context()
    backend = _CheckedBackend(may_reach_local(settings))
    try:
        with (
            httpcore2.ConnectionPool(ssl_context=context, network_backend=backend) as pool,
            # Its body is not read: the status is all that counts.
            pool.stream(
                "POST", webhook.address.get_secret_value(), headers=headers, content=content, extensions=limits
            ) as response,
        ):
            _check(response.status)
    except httpcore2.TimeoutException:
        raise NotifyError("Its server did not answer in time.", passes=True) from None
    except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
        raise _explain(error) from None


def _check(status: int) -> None:
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise NotifyError(f"It answered with a redirect ({status}), which is not followed.")
    if status in (401, 403, 404, 410):
        raise NotifyError(f"It answered {status}: the webhook was removed, or its address is not right.")
    raise NotifyError(f"It answered {status}.", passes=status == 429 or status >= 500)


def _explain(error: Exception) -> NotifyError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return NotifyError("Its certificate is not trusted, or not for this name.")
        if isinstance(cause, ssl.SSLError):
            return NotifyError("It does not speak TLS, or not a version that is safe.")
        if isinstance(cause, OSError):
            return describe_trouble(cause)
        cause = cause.__cause__ or cause.__context__
    return NotifyError("Its answer is none of HTTP.", passes=True)


def _as_json(message: Message, lab_address: str) -> dict[str, Any]:
    values = message.to_json()
    values.pop("path")
    return {**values, "text": _join(message, lab_address, str), "link": message.link(lab_address)}


def _as_slack(message: Message, lab_address: str) -> dict[str, Any]:
    """Slack takes <...> for links and mentions, such as that of a whole channel, so that none is left."""

    def escape(text: str) -> str:
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    return {"text": _join(message, lab_address, escape)}


def _as_discord(message: Message, lab_address: str) -> dict[str, Any]:
    """Nobody is mentioned, whatever a run is called."""
    text = _join(message, lab_address, lambda line: _MARKDOWN.sub(r"\\\1", line))
    return {"content": text[:MAX_DISCORD], "allowed_mentions": {"parse": []}}


def _join(message: Message, lab_address: str, escape: Callable[[str], str]) -> str:
    return "\n".join(filter(None, [*map(escape, (message.title, *message.lines)), message.link(lab_address)]))


FORM_MAKERS: Mapping[Form, Callable[[Message, str], dict[str, Any]]] = {
    "json": _as_json,
    "slack": _as_slack,
    "discord": _as_discord,
}
