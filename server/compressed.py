"""Scripts and styles that never change go out compressed: once for all visitors, a quarter of the bytes.

Streamlit leaves its own bundle as it is, since compressing it anew for each visitor slows the first page down.
"""

from __future__ import annotations

import gzip

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ENDINGS = (".js", ".css")
_LEVEL = 6  # 9 takes twice as long for a hundredth less
_KEPT_HEADERS = ("content-type", "cache-control")
_ADDED_HEADERS = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}


class Compressed:
    """Keeps what it compressed for as long as the server lives: some 3 MB, as many files as the bundle has."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._kept: dict[str, Response] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self._find(scope, receive) if _is_for(scope) else None
        await (answer or self.app)(scope, receive, send)

    async def _find(self, scope: Scope, receive: Receive) -> Response | None:
        """None for what may change, and for what is not there."""
        path = scope["path"]
        if path not in self._kept:
            start, body = await _collect(self.app, scope, receive)
            headers = Headers(raw=start["headers"])
            if start["status"] != 200 or "immutable" not in headers.get("cache-control", ""):
                return None
            if "content-encoding" in headers:
                return None
            content = await to_thread.run_sync(gzip.compress, body, _LEVEL)
            kept = {name: headers[name] for name in _KEPT_HEADERS if name in headers}
            self._kept[path] = Response(
                content, headers={**kept, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
            )
        return self._kept[path]


def _is_for(scope: Scope) -> bool:
    """Whether a request can be answered so: for a whole script or style, by a browser that reads gzip."""
    if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].endswith(_ENDINGS):
        return False
    headers = Headers(scope=scope)
    return "gzip" in headers.get("accept-encoding", "") and not {"range", "if-none-match"} & set(headers)


async def _collect(app: ASGIApp, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
    """The start of an application's answer, and its body."""
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, keep)
    start = next(message for message in messages if message["type"] == "http.response.start")
    return start, b"".join(message.get("body", b"") for message in messages)
