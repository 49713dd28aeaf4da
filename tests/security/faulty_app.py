"""The lab's own server with a saboteur: any function of the pages, any callback, fails at the tester's word.

`/lab/sabotage?target=...` arms it, or disarms it without a target; the answer lists the functions that ran since the
word before: `file.py:function`, and those that Streamlit called for a widget as `callback file.py:function`.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import app as lab
from pages.parts.frame.failure import show_failure
from server.doors import Door
from server.guard import Guard

ROOT = Path(lab.__file__).parent
PAGES = str(ROOT / "pages")
SECRET = "the secret cause"
_target = ""
_ran: dict[str, None] = {}


class Sabotage(RuntimeError):
    """What is thrown; its message holds what no browser may read."""


def watch(frame: FrameType, event: str, _: Any) -> None:
    code = frame.f_code
    if event != "call" or not code.co_filename.startswith(PAGES):
        return
    name = f"{Path(code.co_filename).name}:{code.co_qualname}"
    caller = frame.f_back.f_code.co_filename if frame.f_back else ""
    if caller.endswith(("session_state.py", "functools.py")):
        name = f"callback {name}"
    _ran[name] = None
    if name == _target or (_target == "callback" and name.startswith("callback ")):
        # An error of the file system is the worst to tell: its words hold a path.
        raise Sabotage(f"{SECRET} in {code.co_filename}")


async def sabotage(request: Request) -> JSONResponse:
    global _target
    ran = list(_ran)
    _ran.clear()
    _target = request.query_params.get("target", "")
    return JSONResponse(ran)


async def fail(_: Request) -> JSONResponse:
    raise Sabotage(f"{SECRET} in {__file__}")


IS_CALM = os.environ.get("SABOTAGED") != "without calm"

lab.STANDBY.enable = lambda: None  # type: ignore[method-assign]  # no worker need wait with torch loaded
threading.settrace(watch)
app = st.App(
    os.environ.get("SABOTAGED_SCRIPT") or ROOT / "pages" / "main.py",
    lifespan=lab.serve if IS_CALM else None,
    routes=[*lab.app._user_routes, Route("/lab/sabotage", sabotage), Route("/lab/fail", fail)],
    middleware=[Middleware(Guard, door=Door())] if IS_CALM else [],
    on_script_error=show_failure if IS_CALM else None,
)
