"""The door in front of everything that is served: one middleware around the pages, their stream and every route.

Only routes that are listed as open pass without a sign-in, so a new route is protected from its first day.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.routing import Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import config
from streamlit.proto.BackMsg_pb2 import BackMsg

from server.doors import HEADERS, NO_FRAME, Asked, Door, Refusal, is_loopback
from server.failures import ADVICE, log_failure
from server.sign_in import CALLBACK, COOKIES, SignIn, remember_page, return_to_page

# What the page needs to ask for a sign-in; none of these knows anything of the lab.
LOGIN, LOGOUT = "/auth/login", "/auth/logout"
OPEN_ROUTES = ("/_stcore/health", "/_stcore/host-config", LOGIN, LOGOUT, CALLBACK)
# The page's own socket, whose messages are weighed one by one; every other needs the sign-in to be opened.
STREAM = "/_stcore/stream"
# What a page may say before its visitor is let in: show yourself, and I am still here.
OPEN_MESSAGES = ("rerun_script", "app_heartbeat", "stop_script")
POLICY_VIOLATION = 1008
_COOKIES = tuple(name.encode() for name in COOKIES)
# Nothing is fetched from, or sent to, any other host. Plotly and Streamlit make code at run time.
POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "frame-src 'none'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        NO_FRAME,
    ]
)


class Guard:
    """Refuses foreign hosts and pages, asks for the sign-in, frames no page, and keeps errors inside."""

    def __init__(self, app: ASGIApp, door: Door, sign_in: SignIn | None = None) -> None:
        self.app = app
        self.door = door
        self.sign_in = sign_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        send = self._with_headers(scope, send)
        if refusal := self._why_refused(scope):
            await _refuse(refusal, scope, receive, send)
        elif scope["type"] == "websocket":
            await self._serve_socket(scope, receive, send)
        else:
            await self._serve(scope, receive, send)

    def _why_refused(self, scope: Scope) -> Refusal | None:
        if refusal := self.door.why_refused(read_asked(scope)):
            return refusal
        if self.sign_in is None:
            # However the server was started: behind no sign-in it serves its own machine alone.
            address = (scope.get("server") or ("",))[0]
            return None if is_loopback(address) else Refusal(403, "Without sign-in, this lab serves its machine alone.")
        if is_open(scope):
            return None
        person = self.sign_in.read_person(HTTPConnection(scope).cookies)
        if person is None:
            return Refusal(401, "Sign in first.")
        reason = self.sign_in.why_kept_out(person)
        return Refusal(403, reason) if reason else None

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; an error of a route is a sentence with an id."""
        begun = False

        async def note_send(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        if self.sign_in:
            send = self._on_the_way(scope, send)
        try:
            await self.app(scope, receive, note_send)
        except Exception as error:  # noqa: BLE001 - whatever a route raises
            failure_id = log_failure(error)
            if not begun:
                await _refuse(Refusal(500, f"This did not work. {ADVICE} {failure_id}."), scope, receive, send)

    def _on_the_way(self, scope: Scope, send: Send) -> Send:
        path = _path_of(scope)
        if path == LOGOUT:
            self._sign_out(scope)
        if path == LOGIN:
            return remember_page(scope, send)
        return return_to_page(scope, send) if path == CALLBACK else send

    def _sign_out(self, scope: Scope) -> None:
        assert self.sign_in
        if person := self.sign_in.read_person(HTTPConnection(scope).cookies):
            try:
                self.sign_in.signed_out.add(person)
            except OSError as error:
                log_failure(error)

    async def _serve_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One open page. Who it belongs to is asked again at every message, in both directions."""
        if self.sign_in is None:
            await self.app(scope, receive, send)
            return
        sign_in = self.sign_in
        person = sign_in.read_person(HTTPConnection(scope).cookies)
        if person is None:
            scope = without_cookies(scope)
        is_let_in = person is not None and not sign_in.why_kept_out(person)
        talk = _Talk(receive, send, lambda: person is None or sign_in.is_valid(person), is_let_in)
        await self.app(scope, talk.receive, talk.send)

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        async def send_guarded(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS:
                    headers[name] = value
                headers["Content-Security-Policy"] = POLICY
                if self.sign_in and self.sign_in.is_encrypted:
                    _mark_secure(message)
            await send(message)

        return send_guarded


class _Talk:
    """The two directions of an open page, which end when its sign-in does."""

    def __init__(self, receive: Receive, send: Send, is_valid: Callable[[], bool], is_let_in: bool) -> None:
        self._receive, self._send = receive, send
        self._is_valid, self._is_let_in = is_valid, is_let_in
        self._closed = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] != "websocket.receive" or self._may_say(message):
            return message
        await self._close()
        return {"type": "websocket.disconnect", "code": POLICY_VIOLATION}

    async def send(self, message: Message) -> None:
        if self._closed:
            return
        if message["type"] == "websocket.send" and not self._is_valid():
            await self._close()
            return
        await self._send(message)

    async def _close(self) -> None:
        if not self._closed:
            self._closed = True
            await self._send({"type": "websocket.close", "code": POLICY_VIOLATION})

    def _may_say(self, message: Message) -> bool:
        if self._closed or not self._is_valid():
            return False
        return self._is_let_in or _kind_of(message) in OPEN_MESSAGES


def _kind_of(message: Message) -> str | None:
    try:
        kind: str | None = BackMsg.FromString(message.get("bytes") or b"").WhichOneof("type")
        return kind
    except Exception:  # noqa: BLE001 - whatever protobuf raises for what is no message of its
        return None


def read_asked(scope: Scope) -> Asked:
    """What the door looks at, of a request of ASGI."""
    headers = Headers(scope=scope)
    secure = scope["scheme"] in ("https", "wss")
    return Asked(
        scheme="https" if secure else "http",
        method=scope.get("method", "GET"),
        hosts=headers.getlist("host"),
        origins=headers.getlist("origin"),
        site=headers.get("sec-fetch-site", ""),
        target=headers.get("sec-fetch-dest", ""),
        is_socket=scope["type"] == "websocket",
    )


def is_open(scope: Scope) -> bool:
    """Whether a request needs no sign-in: Streamlit's own program, the page's empty shell, and the way to sign in."""
    if scope["type"] == "websocket":
        return _path_of(scope) == STREAM
    if _path_of(scope) in OPEN_ROUTES:
        return True
    for route in scope["app"].routes:
        if route.matches(scope)[0] is not Match.NONE:
            return isinstance(route, Mount) and route.name == "static-assets"
    return False


def without_cookies(scope: Scope) -> Scope:
    """The same request without the cookies of a sign-in, so that nobody after the door takes them for valid."""
    headers = []
    for name, value in scope["headers"]:
        if name == b"cookie":
            parts = [part.strip() for part in value.split(b";")]
            value = b"; ".join(part for part in parts if not part.startswith(_COOKIES))
        headers.append((name, value))
    return {**scope, "headers": headers}


def _path_of(scope: Scope) -> str:
    base = str(config.get_option("server.baseUrlPath") or "").strip("/")
    path = str(scope["path"])
    return path.removeprefix(f"/{base}") if base else path


def _mark_secure(message: Message) -> None:
    # Streamlit leaves it out to allow plain http on localhost.
    message["headers"] = [
        (name, value + b"; Secure" if name == b"set-cookie" and b"; secure" not in value.lower() else value)
        for name, value in message["headers"]
    ]


async def _refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http" or "websocket.http.response" in scope.get("extensions", {}):
        response = PlainTextResponse(refusal.sentence + "\n", refusal.status, {"Cache-Control": "no-store"})
        await response(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": refusal.sentence})
