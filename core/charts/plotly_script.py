"""plotly.js as the installed package ships it, without the kinds of traces that no chart here has.

The script's last module hands all its kinds of traces to the library: maps, 3D and others that no chart here has are
most of what a browser would fetch and run before it can draw. That list is shortened, and then the modules are left out
that nothing which stays names: three quarters of the script. A script of another form stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import plotly

FILE = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
KINDS = ("bar", "contour", "heatmap")  # beside scatter, which the library itself has
# What a browser may keep is named by all that decides about it; the last part by what is left out.
NAME = f"plotly-{version('plotly')}-{'-'.join(KINDS)}-used.min.js"

_LIST = re.compile(r"\.register\(\[((?:[\w$]+\(\),)+[\w$]+\(\))\]\)")
_PASSED_ON = re.compile(r'"use strict";[\w$]+\.exports=([\w$]+)\(\)\}')
_KIND = re.compile(r'moduleType:"trace",name:"(\w+)"')
_REACH = 20_000  # characters of a module in which its kind is named
# How esbuild writes a bundle: each CommonJS module is a variable, by a function of this form; other modules may have
# declarations of their own before theirs.
_WRAPPER = re.compile(r"\b([\w$]+)=\((\w),(\w)\)=>\(\)=>\{try\{return \3\|\|\2\(\(\3=\{exports:\{\}\}\)")
_MODULE = re.compile(r"(?<=[;}])var ([\w$]+)=([\w$]+)\((?:[\w$]+|\([\w$,]*\))=>\{")
_END = "});"
_WORD = re.compile(r"[\w$]+")


def read_script() -> str:
    return leave_out_unused(keep_kinds(FILE.read_text(encoding="utf-8")))


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


def leave_out_unused(script: str) -> str:
    """The script without the modules whose names stand nowhere in what stays, so that no name is missed."""
    modules = _find_modules(script)
    waiting, used = [_cut(script, modules.values())], set[str]()
    while waiting:
        named = modules.keys() & set(_WORD.findall(waiting.pop())) - used
        used |= named
        waiting += [script[modules[name]] for name in named]
    return _cut(script, [place for name, place in modules.items() if name not in used])


def _find_modules(script: str) -> dict[str, slice]:
    """Where the modules are that are a variable and no more, by its name, one after the other."""
    wrapper = _WRAPPER.search(script)
    heads = list(_MODULE.finditer(script)) if wrapper else []
    found = {}
    for head, following in pairwise(heads):
        place = slice(head.start(), following.start())
        # Before a module of another form its own declarations may stand.
        is_plain = wrapper and head[2] == following[2] == wrapper[1]
        if (
            is_plain
            and script.endswith(_END, 0, place.stop)
            and script.count(f"={head[2]}(", place.start, place.stop) == 1
        ):
            found[head[1]] = place
    return found


def _cut(script: str, places: Iterable[slice]) -> str:
    """The script without what is at these places, which are in order."""
    ends = [0, *(end for place in places for end in (place.start, place.stop)), len(script)]
    return "".join(script[start:stop] for start, stop in zip(ends[::2], ends[1::2], strict=True))
