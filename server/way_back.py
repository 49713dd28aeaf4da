"""After the sign-in the visitor is where the link led: Streamlit itself always goes to the first page."""

from __future__ import annotations

from urllib.parse import quote, unquote, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import Message, Scope, Send
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

COOKIE = "resnet_lab_way_back"
SECONDS, MAX_LENGTH = 900, 3000


def note_way_back(scope: Scope, send: Send) -> Send:
    """On the way to the sign-in: keeps, in the visitor's browser, the page it was asked for on."""
    request = HTTPConnection(scope)
    path = find_path(request.headers.get("referer", ""), request.headers.get("host", ""))

    async def send_noted(message: Message) -> None:
        if path and message["type"] == "http.response.start":
            MutableHeaders(scope=message).append("set-cookie", _cookie(quote(path, safe=""), SECONDS))
        await send(message)

    return send_noted


def go_way_back(scope: Scope, send: Send) -> Send:
    """On the way back from it: leads there instead of to the first page, if the sign-in went well."""
    host = HTTPConnection(scope).headers.get("host", "")
    kept = unquote(HTTPConnection(scope).cookies.get(COOKIE, ""))
    # A cookie can be forged; only a path of this host is ever followed.
    path = find_path(f"http://{host}{kept}", host) if kept.startswith("/") else ""

    async def send_on(message: Message) -> None:
        if path and message["type"] == "http.response.start" and message["status"] == 302:
            headers = MutableHeaders(scope=message)
            if any(line.startswith(f"{USER_COOKIE_NAME}=") for line in headers.getlist("set-cookie")):
                headers["location"] = path
            headers.append("set-cookie", _cookie("", 0))
        await send(message)

    return send_on


def find_path(address: str, host: str) -> str:
    """The path and query of an address of this host; nothing for any other, or for one that is too long."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    is_ours = parts.netloc == host and path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if is_ours and len(path) <= MAX_LENGTH and path.isprintable() else ""


def _cookie(value: str, seconds: int) -> str:
    return f"{COOKIE}={value}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax"
