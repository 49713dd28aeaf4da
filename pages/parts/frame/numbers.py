"""Boxes for numbers. What cannot be read stays in its box as it was typed, and is refused there.

`st.number_input` is the browser's own box for numbers, which drops what it does not know before anybody sees it: "0,01"
arrives as 1, and so do the 1e3 channels and 1.5 blocks of a whole number. So these are boxes for text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from core.spec.fields import SpecField
from core.spec.parse import FieldProblem, explain_number, read_number
from pages.parts.frame.assets import read_asset
from pages.parts.frame.style import show_problem

NO_LIMIT = "no limit"  # a 0 that is no field's


def show_number(label: str, value: Any, *, zero: str = "", **common: Any) -> str:
    """A box with a number, or with the text that was none; what is in it now.

    Where 0 stands for `zero`, as all, the box is empty and says that; `read_typed` reads it.
    """
    if zero:
        common["placeholder"], value = zero, None if value == 0 else value
    text: str = st.text_input(label, write_number(value), **common)
    return text


def read_typed(text: str, zero: str, *, is_whole: bool) -> int | float | str | None:
    """What is in a box of `show_number`."""
    return read_number("0" if zero and not text.strip() else text, is_whole=is_whole)


def find_limit_word(field: SpecField) -> str:
    """What a box says for a limit of 0, which lets all through; nothing for a 0 that is a small number, or off."""
    return field.zero if field.zero == "all" else ""


def write_number(value: Any) -> str:
    """A number with as few digits as say it; nothing for None, and text as it is."""
    if value is None:
        return ""
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def ask_whole(label: str, value: int, low: int, high: int | None = None, **common: Any) -> int | None:
    """The whole number in a box; None, with what is wrong below it, if it is none of the range."""
    found = read_whole(label, show_number(label, value, **common), low, high)
    if isinstance(found, int):
        return found
    show_problem(found)
    return None


def read_whole(label: str, typed: str, low: int, high: int | None = None) -> int | str:
    """The whole number that was typed, or what is wrong with it, as a sentence."""
    found = read_number(typed, is_whole=True)
    if not isinstance(found, int):
        return say_problem(label, FieldProblem(label, "must be a whole number", found))
    if found < low or (high is not None and found > high):
        return say(label, f"must be at least {low:,}" if high is None else f"must be from {low:,} to {high:,}")
    return found


def say(label: str, message: str) -> str:
    """A field's problem as a sentence: Epochs must be at least 1."""
    joint = " " if message.startswith(("must ", "is ", "makes ", "leaves ")) else ": "
    return f"{label}{joint}{message}{'' if message.endswith('?') else '.'}"


def say_problem(label: str, problem: FieldProblem) -> str:
    """The same, with the text that was typed in place of a number."""
    return say(label, explain_number(problem))


def serve_keys() -> None:
    """The arrow keys raise and lower the number in a box, as in the browser's own; once a page."""
    script = read_asset(Path(__file__).with_name("numbers.js"))
    st.components.v2.component("resnet_lab_numbers", html="", js=script, isolate_styles=False)(key="number_keys")
