"""Scripts and styles that never change go out compressed: once for all visitors, a quarter of the bytes.

Streamlit leaves its own bundle as it is, since compressing it anew for each visitor slows the first page down.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ENDINGS = (".js", ".css")
_LEVEL = 6  # 9 takes twice as long for a hundredth less
_BROTLI_LEVEL = 6  # a seventh less than gzip in as little time for plotly.js; 9 a fortieth less in three times as long
_KEPT_HEADERS = ("content-type", "cache-control")


def _by_gzip(body: bytes) -> bytes:
    return gzip.compress(body, _LEVEL)


def _by_brotli(body: bytes) -> bytes:
    from pyarrow import Codec  # comes with Streamlit, and would slow down the start

    return bytes(Codec("brotli", compression_level=_BROTLI_LEVEL).compress(body, asbytes=True))


# The first that a browser reads is taken; browsers read Brotli over HTTPS and on their own machine.
_WAYS: dict[str, Callable[[bytes], bytes]] = {"br": _by_brotli, "gzip": _by_gzip}


class Compressed:
    """Keeps what it compressed for as long as the server lives: some 3 MB, as many files as the bundle has."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._kept: dict[tuple[str, str], Response] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        way = _choose_way(scope)
        answer = await self._find(way, scope, receive) if way else None
        await (answer or self.app)(scope, receive, send)

    async def _find(self, way: str, scope: Scope, receive: Receive) -> Response | None:
        """None for what may change, and for what is not there."""
        key = (scope["path"], way)
        if key not in self._kept:
            start, body = await _collect(self.app, scope, receive)
            headers = Headers(raw=start["headers"])
            if start["status"] != 200 or "immutable" not in headers.get("cache-control", ""):
                return None
            if "content-encoding" in headers:
                return None
            content = await to_thread.run_sync(_WAYS[way], body)
            kept = {name: headers[name] for name in _KEPT_HEADERS if name in headers}
            self._kept[key] = Response(content, headers={**kept, "Content-Encoding": way, "Vary": "Accept-Encoding"})
        return self._kept[key]


def _choose_way(scope: Scope) -> str:
    """How a request can be answered so: for a whole script or style, in a way that its browser reads; else empty."""
    if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].endswith(_ENDINGS):
        return ""
    headers = Headers(scope=scope)
    if {"range", "if-none-match"} & set(headers):
        return ""
    parts = [part.replace(" ", "").partition(";") for part in headers.get("accept-encoding", "").split(",")]
    read = {name for name, _, weight in parts if not re.fullmatch(r"q=0(\.0*)?", weight)}
    return next((way for way in _WAYS if way in read), "")


async def _collect(app: ASGIApp, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
    """The start of an application's answer, and its body."""
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    # What an application compresses by itself could not be compressed better.
    asked = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
    await app({**scope, "headers": asked}, receive, keep)
    start = next(message for message in messages if message["type"] == "http.response.start")
    return start, b"".join(message.get("body", b"") for message in messages)
