"""The head of a page names what the page will ask for; everything else passes as it is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send
from streamlit import file_util

from server.preloads import ON_EVERY_PAGE, ON_PAGE, Preloads
from server.sign_in import SignIn

PAGE = "<html><head><title>Lab</title></head><body></body></html>"
SCRIPT = "/lab/chart.js"


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    kinds: dict[str, Response] = {
        "/text": PlainTextResponse(PAGE),
        "/gone": HTMLResponse(PAGE, 404),
    }
    await kinds.get(scope["path"], HTMLResponse(PAGE, headers={"ETag": '"a"'}))(scope, receive, send)


def visit(path: str, sign_in: SignIn | None = None) -> str:
    client = TestClient(Preloads(answer, {"run": [SCRIPT]}, sign_in))
    response = client.get(path)
    if response.text != PAGE:
        assert "etag" not in response.headers
        assert int(response.headers["content-length"]) == len(response.content)
    return response.text


def read_told(page: str) -> dict[str, list[str]]:
    """What the script in the head is to run."""
    found = re.search('<script type="application/json"[^>]*>(.*?)</script>', page)
    assert found
    told: dict[str, list[str]] = json.loads(found[1])
    return told


@pytest.mark.parametrize("path", ["/run", "/lab/run", "/run/"])
def test_a_page_with_charts_asks_for_their_library_at_once(path: str) -> None:
    page = visit(path)
    assert f'<link rel="preload" as="script" href="{SCRIPT}">' in page
    assert read_told(page)["scripts"] == [SCRIPT]


def test_other_pages_ask_for_the_program_alone() -> None:
    page = visit("/build")
    assert SCRIPT not in page
    assert "modulepreload" in page


def test_a_page_that_was_compressed_stays_so_and_names_what_it_needs() -> None:
    client = TestClient(Preloads(GZipMiddleware(answer, minimum_size=1), {"run": [SCRIPT]}))
    response = client.get("/run", headers={"Accept-Encoding": "gzip, deflate, br, zstd"})
    assert response.headers["content-encoding"] == "gzip"
    assert response.text == visit("/run")
    assert 0 < int(response.headers["content-length"]) < len(response.content)


@pytest.mark.parametrize("path", ["/text", "/gone"])
def test_what_is_no_page_passes_as_it_is(path: str) -> None:
    assert visit(path) == PAGE


def test_nothing_of_the_lab_is_asked_for_by_who_is_not_let_in() -> None:
    closed = SignIn("https://lab.example", ("ada@example.org",))
    assert SCRIPT not in visit("/run", closed)


@pytest.mark.parametrize("page", ["nowhere", *ON_PAGE])
def test_every_part_of_the_program_that_is_named_is_there_and_not_named_twice(page: str) -> None:
    folder = Path(file_util.get_static_dir())
    named = re.findall(r'href="\./(static/[^"]+)"', visit(f"/{page}"))
    assert all((folder / name).is_file() for name in named)
    assert len(set(named)) == len(named)
    assert not [name for name in named if name in (folder / "index.html").read_text(encoding="utf-8")]
    # Where the program looks for its server, by a name that it may change.
    program = next((folder / "static" / "js").glob("index.*.js")).read_text(encoding="utf-8")
    assert "BACKEND_BASE_URL" in visit("/build")
    assert "window.__streamlit" in program
    assert "BACKEND_BASE_URL" in program
    parts = (*ON_EVERY_PAGE, *ON_PAGE.get(page, ()))
    missing = [stem for stem in parts if not any(f"/{stem}." in name for name in named)]
    run = [address.removeprefix("./") for address in read_told(visit(f"/{page}"))["parts"]]
    assert len(run) == len(parts)
    assert set(run) <= set(named)
    assert "data-test-connection-state" in program
    assert not missing, f"Streamlit names these otherwise now: {missing}"
