"""Requests as no browser would let a page make them: any method, any header, as often as one likes."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOCKET_HEADERS = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
)
Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def ask(port: int, method: str, path: str, fields: Fields, *, version: str = "1.1", body: bytes = b"") -> Answer:
    """One request on a connection of its own, the headers exactly as given."""
    lines = [f"{method} {path} HTTP/{version}", *(f"{name}: {value}" for name, value in fields)]
    if not any(name == "Connection" for name, _ in fields):
        lines.append("Connection: close")
    if method in ("PUT", "POST", "PATCH", "DELETE"):
        lines.append(f"Content-Length: {len(body)}")
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        response = HTTPResponse(connection, method=method)
        response.begin()
        content = b"" if response.status == 101 else response.read()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, content)


@dataclass(frozen=True)
class Route:
    """One way into the server; `path` is an example of it."""

    path: str
    methods: tuple[str, ...]
    is_socket: bool
    name: str

    def __str__(self) -> str:
        return self.path


_LIST = """
import json, re, app
def example(path):
    return re.sub(r"{[^}]*}", "x", path) or "/"
found = []
for route in app.app._build_starlette_app().routes:
    kind = type(route).__name__
    found.append([
        example(route.path), sorted(getattr(route, "methods", None) or ["GET"]), kind == "WebSocketRoute", route.name,
    ])
print(json.dumps(found))
"""


def list_routes() -> list[Route]:
    """Every route of the app as it is served, asked of itself, so that a new one is covered from its first day."""
    done = subprocess.run(
        [sys.executable, "-c", _LIST], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    return [Route(path, tuple(methods), is_socket, name) for path, methods, is_socket, name in json.loads(done.stdout)]


def each_way(routes: Sequence[Route]) -> Iterator[tuple[str, str, Fields]]:
    """Method, path and the headers that belong to it, for every way into every route; pages by their address too."""
    for route in routes:
        if route.is_socket:
            yield "GET", route.path, SOCKET_HEADERS
            continue
        for method in route.methods:
            yield method, route.path, ()
    for path in ("/", "/build", "/runs", "/run?id=x", "/nowhere", "/static/index.html", "/favicon.png", "/index.html"):
        yield "GET", path, ()
