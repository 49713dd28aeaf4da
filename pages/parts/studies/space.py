"""The table of a search space: a row for each field, over a range, choices, or fixed at another value."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

import streamlit as st

from core.spec import RunSpec
from core.spec.fields import format_value, label_path
from core.spec.parse import read_number, read_numbers
from core.studies.points import show_searched
from pages.parts.build.form import is_number
from pages.parts.frame.numbers import find_limit_word, read_typed, say_problem, show_number
from pages.parts.frame.style import show_problem
from pages.parts.studies.draft import Mode, Row, StudyDraft, read_base

MODES: dict[Mode, str] = {"range": "Range", "choices": "Choices", "fixed": "Fixed"}
PARTS = {"low": " (from)", "high": " (to)", "step": " (step)", "choices": " (choices)"}


def show_problems(draft: StudyDraft, name: str, label: str) -> None:
    for problem in draft.problems_at(name):
        show_problem(say_problem(label, problem))


def show_space(draft: StudyDraft) -> None:
    """The fields that are searched, or fixed at another value than the base's; a row a field."""
    with st.container(key="space", gap="xxsmall"):
        if draft.rows:
            heads = ("Field", "Search", "From", "To", "Step", "Log")
            first, search, *values = (f"<span>{head}</span>" for head in heads)
            st.html(f'<div class="space-head">{first}{search}<div>{"".join(values)}</div><span></span></div>')
        for row in list(draft.rows):
            _show_row(draft, row)
    show_problems(draft, "space", "The search space")
    _show_adder(draft)


def _show_adder(draft: StudyDraft) -> None:
    # Part of the key, so that the box is empty again after each choice.
    key = draft.widget_key(f"add.{draft.last_id}")

    def add() -> None:
        if draft.is_current(key) and st.session_state[key]:
            draft.add(st.session_state[key])

    st.selectbox(
        "Search another field",
        draft.addable(),
        index=None,
        key=key,
        format_func=lambda path: _name_option(draft.base, path),
        placeholder="Type to find a field",
        on_change=add,
        width=340,
    )


def _name_option(base: RunSpec, path: str) -> str:
    return f"{label_path(path)} (now {show_searched(path, read_base(base, path))})"


def _show_row(draft: StudyDraft, row: Row) -> None:
    with st.container(key=f"space_row_{row.id}"):
        now = show_searched(row.path, read_base(draft.base, row.path))
        st.html(
            f'<div class="space-name" title="{escape(row.spec_field.help)}">{escape(label_path(row.path))}'
            f'<span class="lab-muted">now {escape(now)}</span></div>'
        )
        _show_mode(draft, row)
        with st.container(key=f"space_values_{row.id}"):
            {"range": _show_range, "choices": _show_choices, "fixed": _show_fixed}[row.mode](draft, row)
        st.button(
            f"Remove {label_path(row.path)}",
            key=draft.widget_key(f"remove.{row.id}"),
            icon=":material/close:",
            type="tertiary",
            help="Stops searching it",
            on_click=draft.remove,
            args=(row.id,),
        )
        for problem in draft.problems_of(row):
            part = re.match(r"row\.\d+\.([a-z]+)", problem.path)
            show_problem(say_problem(label_path(row.path) + (PARTS.get(part[1], "") if part else ""), problem))


def _show_mode(draft: StudyDraft, row: Row) -> None:
    key = draft.widget_key(f"mode.{row.id}")
    modes: list[Mode] = ["choices", "fixed"] if row.spec_field.kind in ("bool", "choice") else [*MODES]

    def switch() -> None:
        found = draft.row(row.id)
        if draft.is_current(key) and found:
            draft.switch(found, st.session_state[key])

    st.selectbox(
        f"How to search {label_path(row.path)}",
        modes,
        index=modes.index(row.mode),
        key=key,
        format_func=lambda mode: MODES[mode],
        label_visibility="collapsed",
        on_change=switch,
    )


def _keep(
    draft: StudyDraft, row_id: int, name: str, key: str, read: Callable[[Any], Any] = lambda value: value
) -> None:
    """Stores a widget's value in its row."""
    row = draft.row(row_id)
    if draft.is_current(key) and row:
        setattr(row, name, read(st.session_state[key]))
        draft.touched = True


def _common(draft: StudyDraft, row: Row, name: str, read: Callable[[Any], Any] = lambda value: value) -> dict[str, Any]:
    key = draft.widget_key(f"{row.mode}.{name}.{row.id}")
    return {
        "key": key,
        "label_visibility": "collapsed",
        "on_change": _keep,
        "args": (draft, row.id, name, key, read),
    }


def _show_range(draft: StudyDraft, row: Row) -> None:
    label, read = label_path(row.path), partial(read_number, is_whole=row.spec_field.kind == "int")
    for name, word in (("low", "from"), ("high", "to")):
        show_number(f"{label} {word}", getattr(row, name), **_common(draft, row, name, read))
    if row.log:
        st.html('<span class="space-no-step"></span>')
    else:
        show_number(f"{label} step", row.step, **_common(draft, row, "step", read), placeholder="any")
    st.checkbox(f"{label} logarithmic", row.log, **_common(draft, row, "log"))


def _show_choices(draft: StudyDraft, row: Row) -> None:
    field, label = row.spec_field, f"Choices of {label_path(row.path)}"
    shown = partial(show_searched, row.path)
    common = _common(draft, row, "choices", list)
    if field.kind == "bool":
        st.multiselect(label, [True, False], row.choices, format_func=shown, placeholder="Choose", **common)
    elif field.kind == "choice":
        st.multiselect(label, list(field.choices), row.choices, format_func=shown, placeholder="Choose", **common)
    else:
        text = ", ".join(format_value(value) for value in row.choices)
        read = partial(read_numbers, is_whole=field.kind == "int")
        st.text_input(label, text, placeholder="16, 32, 64", **_common(draft, row, "choices", read))


def _show_fixed(draft: StudyDraft, row: Row) -> None:
    field, label = row.spec_field, f"Value of {label_path(row.path)}"
    zero, whole = find_limit_word(field), field.kind == "int"
    read = partial(read_typed, zero=zero, is_whole=whole) if is_number(field) else lambda value: value
    common = _common(draft, row, "value", read)
    if field.kind == "bool":
        st.toggle(label, bool(row.value), **common)
    elif field.kind == "choice":
        options = list(field.choices)
        shown = partial(show_searched, row.path)
        st.selectbox(label, options, index=options.index(row.value), format_func=shown, **common)
    else:
        show_number(label, row.value, zero=zero, **common)
