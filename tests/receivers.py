"""Real servers on the loopback that receive what the lab sends: HTTP by `http.server`, SMTP in a few lines."""

from __future__ import annotations

import json
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil


class Hook(ThreadingHTTPServer):
    """Keeps every request as its path and JSON; `answers` are the statuses to come, then 204."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.received: list[tuple[str, Any]] = []
        self.asked: list[str] = []  # methods and paths, of whatever came
        self.answers: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def titles(self) -> list[str]:
        return [body["title"] for _, body in self.received]


class _Request(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(f"POST {self.path}")
        status = self.server.answers.pop(0) if self.server.answers else 204
        if status < 300:
            self.server.received.append((self.path, body))
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", f"{self.server.url}/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.server.asked.append(f"GET {self.path}")
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Post(socketserver.ThreadingTCPServer):
    """A mail server: keeps every message as its text; `refusals` maps a command to what it answers instead.

    With a `context` it offers STARTTLS.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.received: list[str] = []
        self.commands: list[str] = []
        self.refusals: dict[str, str] = {}
        self.context: ssl.SSLContext | None = None

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Conversation(socketserver.StreamRequestHandler):
    server: Post

    def handle(self) -> None:
        self._say("220 ready")
        while line := self.rfile.readline().decode().strip():
            self.server.commands.append(line)
            verb = line.split()[0].upper()
            if verb in self.server.refusals:
                self._say(self.server.refusals[verb])
            elif verb == "EHLO":
                offers = ["fine", "AUTH PLAIN", *(["STARTTLS"] if self.server.context else [])]
                self._say("\r\n".join(f"250{' ' if offer == offers[-1] else '-'}{offer}" for offer in offers))
            elif verb == "STARTTLS":
                self._say("220 go on")
                self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
                self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
                self.server.commands.append("(encrypted)")
            elif verb == "AUTH":
                self._say("235 welcome")
            elif verb == "DATA":
                self._say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.received.append(b"".join(lines).decode())
                self._say("250 kept")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 fine")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def serving(server: Any) -> Iterator[Any]:
    """The server, answering until the end of the block."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def end_senders(runs: Path) -> None:
    """Kills the senders of this runs folder that still try."""
    for process in psutil.process_iter():
        try:
            if "core.notify" in process.cmdline() and process.environ().get("RESNET_LAB_RUNS") == str(runs):
                process.kill()
        except psutil.Error:
            continue
