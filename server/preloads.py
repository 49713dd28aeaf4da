"""What a page will need is named in the head of its first answer, so that the browser fetches it at once.

Streamlit's program asks for the parts that draw a page's elements only when the first of each kind arrives, and a chart
for its library after that: three ways to the server and back, one after the other. Named in the head they come, and are
compiled, while the program itself starts; a script runs them as soon as they hold nothing up. The head also says where
the server is.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import file_util

from server.sign_in import SignIn

# Of Streamlit's program, by the names of its files without their versions; a name that is gone is passed over.
ON_EVERY_PAGE = ("Html", "BidiComponent", "Button", "Checkbox", "Selectbox", "ButtonGroup", "Pagination")
# What a page has beside that: a part that comes late shifts what is below it.
ON_PAGE: Mapping[str, Sequence[str]] = {
    "build": ("TextInput", "Slider", "rehype-raw"),
    "runs": ("TextInput", "Multiselect", "DownloadButton"),
    "run": ("TextInput", "Multiselect", "Slider"),
    "compare": ("Slider", "DownloadButton"),
    "studies": ("Multiselect",),
    "lab": ("TextInput",),
}
# Streamlit's program asks /data for its server first, is told that there is none, and waits 100 ms until it asks /.
_SERVER = '<script>window.__streamlit = {BACKEND_BASE_URL: new URL(".", location.href).href}</script>'
_RUN = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
_IMPORT = re.compile(r"""\bfrom\s*["']\./([\w.-]+\.js)["']|\bimport\s*["']\./([\w.-]+\.js)["']""")
_ICONS = "MaterialSymbols-Rounded.*.woff2"
_PACKED, _LEVEL = "gzip", 6  # as every browser asks for it
_STALE = ("etag", "last-modified", "content-length")


class Preloads:
    """`scripts` are addresses of our own by page; nothing of ours is asked for by who is not let in."""

    def __init__(self, app: ASGIApp, scripts: Mapping[str, Sequence[str]], sign_in: SignIn | None = None) -> None:
        self.app = app
        self.scripts = scripts
        self.sign_in = sign_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET":
            page = scope["path"].rstrip("/").rpartition("/")[2]
            await self.app(scope, receive, _Rewriter(send, page, self._find_scripts(scope, page)).send)
        else:
            await self.app(scope, receive, send)

    def _find_scripts(self, scope: Scope, page: str) -> Sequence[str]:
        scripts = self.scripts.get(page, ())
        if scripts and self.sign_in:
            person = self.sign_in.read_person(HTTPConnection(scope).cookies)
            if person is None or self.sign_in.why_kept_out(person):
                return ()
        return scripts


class _Rewriter:
    """Passes on an answer; the head of an HTML page gets the names of what it needs."""

    def __init__(self, send: Send, page: str, scripts: Sequence[str]) -> None:
        self._send, self._page, self._scripts = send, page, scripts
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_page(message):
            self._start = message
            return
        if self._start is None or message["type"] != "http.response.body":
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        headers = MutableHeaders(scope=self._start)
        packed = headers.get("content-encoding") == _PACKED
        body = gzip.decompress(self._body) if packed else self._body
        body = body.replace(b"</head>", f"{write_head(self._page, self._scripts)}</head>".encode(), 1)
        body = gzip.compress(body, _LEVEL) if packed else body
        # It is another page than the one that these describe.
        for name in _STALE:
            del headers[name]
        headers["Content-Length"] = str(len(body))
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": body})


def _is_page(start: Message) -> bool:
    headers = MutableHeaders(scope=start)
    kind = headers.get("content-type", "")
    return (
        start["status"] == 200 and kind.startswith("text/html") and headers.get("content-encoding", _PACKED) == _PACKED
    )


def write_head(page: str, scripts: Sequence[str]) -> str:
    """The elements that a page's head gets."""
    names, parts = _find_parts(Path(file_util.get_static_dir()), (*ON_EVERY_PAGE, *ON_PAGE.get(page, ())))
    told = json.dumps({"parts": parts, "scripts": list(scripts)}).replace("<", "\\u003c")
    return "\n".join(
        [
            _SERVER,
            *names,
            *(f'<link rel="preload" as="script" href="{escape(address)}">' for address in scripts),
            f'<script type="application/json" id="lab-preloads">{told}</script>',
            f'<script type="module">{_RUN}</script>',
        ]
    )


@cache
def _find_parts(folder: Path, stems: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Links to the files of these parts, and of those they import, that no head names yet; addresses of the parts."""
    scripts, known = folder / "static" / "js", (folder / "index.html").read_text(encoding="utf-8")
    parts = [path.name for stem in stems for path in scripts.glob(f"{stem}.*.js")]
    found: dict[str, None] = {}
    waiting = [*parts]
    while waiting:
        name = waiting.pop(0)
        if name not in found and name not in known and (scripts / name).is_file():
            found[name] = None
            text = (scripts / name).read_text(encoding="utf-8")
            waiting += [one or other for one, other in _IMPORT.findall(text)]
    icons = [path.name for path in (folder / "static" / "media").glob(_ICONS)]
    links = [
        *(f'<link rel="modulepreload" crossorigin href="./static/js/{name}">' for name in found),
        *(
            f'<link rel="preload" as="font" type="font/woff2" crossorigin href="./static/media/{name}">'
            for name in icons
        ),
    ]
    return links, [f"./static/js/{name}" for name in parts]
