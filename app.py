"""The server: the pages, plotly.js for their charts, and a health check. Start: `streamlit run app.py`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from streamlit.runtime import RuntimeState, get_instance

from core.charts.plotly_script import read_script
from core.export.outbox import ROUTE, find_file
from core.helper import process as helper
from core.launch.launcher import prepare_worker
from core.launch.standby import STANDBY
from pages.parts.frame.failure import show_failure
from pages.parts.frame.style import PLOTLY_PATH, serve_at
from server import changes, failures, patches, sign_in
from server.compressed import Compressed
from server.guard import Guard
from server.preloads import Preloads
from server.start import check_start, confine_visitors, open_door

ROOT = Path(__file__).resolve().parent
REVIEW_SECONDS = 2.0
WITH_CHARTS = ("run", "compare", "examine", "studies")


def serve_plotly(_: Request) -> Response:
    """plotly.js for our charts; the address names all that decides about it, so browsers may cache it forever."""
    return Response(
        read_script(), media_type="text/javascript", headers={"Cache-Control": "public, max-age=31536000, immutable"}
    )


async def send_export(request: Request) -> Response:
    """An exported file, streamed from the disk."""
    file = find_file(request.path_params["token"])
    if file is None:
        return PlainTextResponse("This file is no longer here. Ask for it again on its page.", status_code=404)
    return FileResponse(
        file, media_type="application/octet-stream", filename=file.name, headers={"Cache-Control": "no-store"}
    )


async def tell_health(_: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})


async def keep_standby() -> None:
    """Lets what has torch loaded go when nobody is here, and gets a worker ready when somebody comes back."""
    while True:
        await asyncio.sleep(REVIEW_SECONDS)
        in_use = get_instance().state is RuntimeState.ONE_OR_MORE_SESSIONS_CONNECTED
        helper.review(in_use=in_use)
        if await asyncio.to_thread(STANDBY.review, in_use=in_use):
            await asyncio.to_thread(prepare_worker)


@asynccontextmanager
async def serve(_: st.App) -> AsyncIterator[None]:
    """What is set up while the server runs."""
    failures.set_up_log()
    failures.keep_errors_inside()
    patches.answer_at_once()
    patches.ignore_left_pages()
    patches.look_up_one_by_one()
    STANDBY.enable()
    prepare_worker()
    review = asyncio.create_task(keep_standby())
    yield
    review.cancel()
    STANDBY.disable()


sign_in.use(check_start())
confine_visitors(sign_in.in_use())

app = st.App(
    ROOT / "pages" / "main.py",
    lifespan=serve,
    routes=[
        Route(PLOTLY_PATH, serve_plotly),
        Route("/lab/health", tell_health),
        Route(ROUTE + "/{token}/{name}", send_export),
        WebSocketRoute(changes.ROUTE + "/{token}", changes.tell_changes),
    ],
    middleware=[
        Middleware(Guard, door=open_door(sign_in.in_use()), sign_in=sign_in.in_use()),
        Middleware(Compressed),
        Middleware(Preloads, scripts={page: [serve_at(PLOTLY_PATH)] for page in WITH_CHARTS}, sign_in=sign_in.in_use()),
    ],
    on_script_error=show_failure,
)
