"""The files beside the code: style sheets, and what components are made of."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import streamlit as st


@cache
def read_asset(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def show_style(module: str, shared: str = "") -> None:
    """Puts the style sheet beside a module, of the same name, on the page: `show_style(__file__)`."""
    st.html(f"<style>{shared}{read_asset(Path(module).with_suffix('.css'))}</style>")


def load(name: str, module: str, *events: str, css: str = "", js: str = "") -> Callable[..., Any]:
    """The component `name` from the files beside a module, with what it shares with others in front of them.

    The page reads its `events` from the result; Streamlit only reports those that have a callback.
    """
    html, style, script = (read_asset(Path(module).with_name(f"{name}.{kind}")) for kind in ("html", "css", "js"))
    show = st.components.v2.component(
        f"resnet_lab_{name}", html=html, css=css + style, js=js + script, isolate_styles=False
    )
    callbacks: dict[str, Any] = {f"on_{event}_change": _ignore for event in events}
    return partial(show, **callbacks)


def _ignore() -> None:
    pass


def image_address(content: bytes, kind: str = "png") -> str:
    """A picture as text, for the `src` of an `img`."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
