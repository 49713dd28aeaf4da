"""plotly.js as the installed package ships it, with only those kinds of traces set up that the charts have.

The script's last module hands all its kinds of traces to the library, and so runs the code behind each: maps, 3D and
others that no chart here has are most of what a browser does before it can draw. Only that list is shortened; a script
of another form stays as it is.
"""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import plotly

FILE = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
KINDS = ("bar", "contour", "heatmap")  # beside scatter, which the library itself has
# What a browser may keep is named by all that decides about it.
NAME = f"plotly-{version('plotly')}-{'-'.join(KINDS)}.min.js"

_LIST = re.compile(r"\.register\(\[((?:[\w$]+\(\),)+[\w$]+\(\))\]\)")
_PASSED_ON = re.compile(r'"use strict";[\w$]+\.exports=([\w$]+)\(\)\}')
_KIND = re.compile(r'moduleType:"trace",name:"(\w+)"')
_REACH = 20_000  # characters of a module in which its kind is named


def read_script() -> str:
    return keep_kinds(FILE.read_text(encoding="utf-8"))


def keep_kinds(script: str) -> str:
    """The script without the other kinds; as it is where any of ours is not found."""
    found = list(_LIST.finditer(script))
    if len(found) != 1:
        return script
    calls = {_find_kind(script, call.removesuffix("()")): call for call in found[0][1].split(",")}
    if not calls.keys() >= set(KINDS):
        return script
    return script[: found[0].start(1)] + ",".join(calls[kind] for kind in KINDS) + script[found[0].end(1) :]


def _find_kind(script: str, module: str) -> str:
    """Of the trace that a module is; empty where it is none, or not told."""
    for _ in range(3):  # a module may only pass another one on
        start = script.find(f"var {module}=")
        body = script.find("=>{", start) + 3
        if start < 0 or body < 3:
            return ""
        passed_on = _PASSED_ON.match(script, body)
        if not passed_on:
            end = script.find("});var ", body)  # the next module's start, or near it
            kind = _KIND.search(script, body, min(body + _REACH, end if end > 0 else body + _REACH))
            return kind[1] if kind else ""
        module = passed_on[1]
    return ""
