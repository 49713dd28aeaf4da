"""Scripts that never change are compressed once; everything else passes as it is."""

from __future__ import annotations

import pyarrow
import pytest
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse, Response
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from server.compressed import Compressed

SCRIPT = "let a = 1; " * 1000
FOREVER = {"Cache-Control": "public, immutable, max-age=31536000", "ETag": '"a"'}


class Files:
    """An application that counts what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append(scope["path"])
        match scope["path"]:
            case "/static/gone.js":
                answer: Response = PlainTextResponse("not here", 404, headers=FOREVER)
            case "/changes.js":
                answer = Response(SCRIPT, headers={"Cache-Control": "no-cache"})
            case _:
                answer = Response(SCRIPT, media_type="text/javascript", headers=FOREVER)
        await answer(scope, receive, send)


@pytest.fixture
def files() -> Files:
    return Files()


@pytest.fixture
def client(files: Files) -> TestClient:
    return TestClient(Compressed(files), headers={"Accept-Encoding": "gzip, br"})


@pytest.mark.parametrize(
    ("read", "way"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip;q=0.8, br;q=1.0", "br"),
        ("gzip, deflate", "gzip"),
        ("br;q=0, gzip", "gzip"),
    ],
)
def test_a_script_is_compressed_once_and_reads_as_before(client: TestClient, files: Files, read: str, way: str) -> None:
    for _ in range(2):
        with client.stream("GET", "/static/index.js", headers={"Accept-Encoding": read}) as answer:
            assert _unpack(way, b"".join(answer.iter_raw())) == SCRIPT
        assert answer.headers["content-encoding"] == way
        assert int(answer.headers["content-length"]) < len(SCRIPT) / 4
        assert answer.headers["cache-control"] == FOREVER["Cache-Control"]
        assert answer.headers["content-type"].startswith("text/javascript")
        assert answer.headers["vary"] == "Accept-Encoding"
    assert files.asked == ["/static/index.js"]


def _unpack(way: str, content: bytes) -> str:
    codec = pyarrow.Codec({"br": "brotli"}.get(way, way))
    return bytes(codec.decompress(content, decompressed_size=len(SCRIPT), asbytes=True)).decode()


def test_what_an_application_compresses_by_itself_is_asked_for_plain(files: Files) -> None:
    client = TestClient(Compressed(GZipMiddleware(files)))
    with client.stream("GET", "/static/index.js", headers={"Accept-Encoding": "gzip, br"}) as answer:
        assert _unpack("br", b"".join(answer.iter_raw())) == SCRIPT
    assert answer.headers["content-encoding"] == "br"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/static/index.js", {"Accept-Encoding": "identity"}),
        ("/static/index.js", {"Range": "bytes=0-9"}),
        ("/static/index.js", {"If-None-Match": '"a"'}),
        ("/static/picture.png", {}),
        ("/changes.js", {}),
    ],
)
def test_what_cannot_be_kept_passes_as_it_is(client: TestClient, path: str, headers: dict[str, str]) -> None:
    client.get("/static/index.js")
    answer = client.get(path, headers=headers)
    assert "content-encoding" not in answer.headers
    assert answer.text == SCRIPT


def test_what_is_not_there_stays_so(client: TestClient) -> None:
    answer = client.get("/static/gone.js")
    assert (answer.status_code, answer.text) == (404, "not here")
