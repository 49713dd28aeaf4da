"""The form of a spec: each widget is made from its field in `core.spec.fields`, so no range is repeated here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core.spec import CHOICE_LABELS
from core.spec.fields import SpecField, fields_of, label_path
from core.spec.parse import read_numbers
from pages.parts.build.draft import Draft
from pages.parts.frame.numbers import find_limit_word, read_typed, say, say_problem, show_number
from pages.parts.frame.style import show_problem

# Counted by the draft, so there is nothing to fill in.
COUNTED_FIELDS = {"folder_classes"}
# A label with its unit that is longer than this keeps the unit for the help.
LONG_LABEL = 22
# A choice of more letters than this takes two cells of the grid.
LONG_CHOICE = 15
# Shares up to here are set with a slider; longer or finer ranges are typed.
SLIDER_HIGH = 0.95


def show_fields(
    draft: Draft, section: str, names: Sequence[str], choices: Mapping[str, Sequence[str]] | None = None
) -> None:
    """Widgets for fields of one section, in a grid that wraps; fields without an effect are left out.

    `choices` offers values for text fields, by name: the devices of this machine.
    """
    fields = {field.name: field for field in fields_of(section)}
    for name in names:
        if fields[name].applies(draft.values[section]):
            wide = any(len(_label_choice(choice)) > LONG_CHOICE for choice in fields[name].choices)
            with st.container(key=f"{'wide' if wide else 'cell'}_{section}_{name}", gap="xsmall"):
                _show_field(draft, section, fields[name], (choices or {}).get(name))


def folded_names(section: str, basic: Sequence[str]) -> list[str]:
    """The section's fields that are not in sight."""
    shown_elsewhere = {*basic, *COUNTED_FIELDS}
    return [field.name for field in fields_of(section) if field.name not in shown_elsewhere and field.kind != "layers"]


def count_changed(draft: Draft, section: str, names: Sequence[str]) -> int:
    """How many of these fields have an effect and differ from their defaults."""
    fields = {field.name: field for field in fields_of(section)}
    values = draft.values[section]
    return sum(fields[n].applies(values) and values[n] != _as_json(fields[n].default) for n in names)


def _as_json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _show_field(draft: Draft, section: str, field: SpecField, choices: Sequence[str] | None) -> None:
    key = draft.widget_key(f"{section}.{field.name}")
    with_unit = f"{field.label} ({field.unit})"
    label = with_unit if field.unit and len(with_unit) <= LONG_LABEL else field.label
    value = draft.values[section][field.name]
    common = {"on_change": _commit, "args": (draft, key, section, field), "disabled": draft.keeps(field.path)}
    _make_widget(field, label, value, choices, key=key, **common)
    for problem in draft.problems_at(f"{section}.{field.name}"):
        show_problem(say_problem(field.label, problem))


def name_field(path: str) -> str:
    """What a problem is about: a field, or the spec as a whole."""
    return label_path(path) or "The spec"


def _shown(field: SpecField, value: Any) -> Any:
    return ", ".join(map(str, value)) if field.kind == "ints" and isinstance(value, list) else value


def _commit(draft: Draft, key: str, section: str, field: SpecField) -> None:
    if not draft.is_current(key):
        return
    draft.set_value(section, field.name, _read(field, st.session_state[key]))


def _read(field: SpecField, value: Any) -> Any:
    """What a widget of the field holds, as the spec has it."""
    if field.kind == "ints":
        return read_numbers(value, is_whole=True)
    if not (isinstance(value, str) and is_number(field)):
        return value
    return read_typed(value, find_limit_word(field), is_whole=field.kind == "int")


def is_number(field: SpecField) -> bool:
    return field.kind in ("int", "float")


def _make_widget(field: SpecField, label: str, value: Any, choices: Sequence[str] | None, **common: Any) -> None:
    """The widget of a field. `value` is what it begins with; from then on the browser's value counts, by its key."""
    common["help"] = _help(field)
    if field.kind == "bool":
        st.toggle(label, value, **common)
    elif field.kind == "choice" or choices:
        # The present value stays, also where it is no choice: cuda:1 on a machine without it.
        options = list(dict.fromkeys([*(choices or field.choices), value]))
        st.selectbox(label, options, index=options.index(value), format_func=_label_choice, **common)
    elif field.kind in ("text", "ints"):
        st.text_input(label, _shown(field, value), **common)
    elif field.kind == "float" and field.low is not None and (field.high or 1) <= SLIDER_HIGH and not field.log:
        st.slider(label, float(field.low), float(field.high or 1), float(value), step=0.01, format="%.2f", **common)
    else:
        show_number(label, value, zero=find_limit_word(field), **common)


def _label_choice(value: str) -> str:
    return CHOICE_LABELS.get(value, value)


def _help(field: SpecField) -> str:
    if field.kind not in ("int", "float"):
        return field.help
    low, high = (f"{bound:,}" if field.kind == "int" else f"{bound:g}" for bound in (field.low or 0, field.high or 0))
    return f"{field.help} From {low} to {high} {field.unit}".rstrip() + "."


# Layers ----------------------------------------------------------------------------------------------------------


def show_layers(draft: Draft) -> None:
    """The block layers as a table: a row a layer, with its problems below it."""
    fields = fields_of("layers[]")
    with st.container(key="layers", gap="xxsmall"):
        with st.container(key="layer_head"):
            st.html("<span></span>")
            for field in fields:
                # On a phone there is room for the letter only.
                words = f'<span class="lab-word">{field.label} </span>{field.symbol}' if field.symbol else field.label
                st.markdown(f'<span class="lab-small">{words}</span>', unsafe_allow_html=True, help=_help(field))
        for index, row in enumerate(list(draft.rows)):
            _show_layer(draft, index, row, fields)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Add layer",
                key="add_layer",
                icon=":material/add:",
                type="tertiary",
                on_click=draft.add_layer,
                disabled=draft.is_full or draft.fork is not None,
                help="Twice the channels of the last one, on half the map.",
            )
    for problem in draft.problems:
        if problem.path == "model.layers":
            show_problem(say(name_field(problem.path), problem.message))


def _show_layer(draft: Draft, index: int, row: int, fields: Sequence[SpecField]) -> None:
    with st.container(key=f"layer_row_{row}"):
        st.html(f'<span class="lab-muted lab-num">{index + 1}</span>')
        for field in fields:
            key = draft.widget_key(f"layer{row}.{field.name}")
            common: dict[str, Any] = {
                "key": key,
                "label_visibility": "collapsed",
                "on_change": _commit_layer,
                "args": (draft, key, row, field),
                "disabled": draft.fork is not None,
            }
            label = label_path(f"model.layers[{index}].{field.name}")
            show_number(label, draft.layers[index][field.name], **common)
        for verb, icon, help, act, disabled in (
            ("Duplicate", "content_copy", "The same layer once more", draft.duplicate_layer, draft.is_full),
            ("Remove", "close", "Remove this layer", draft.remove_layer, len(draft.rows) == 1),
        ):
            st.button(
                f"{verb} layer {index + 1}",
                key=f"{verb.lower()}_{row}",
                icon=f":material/{icon}:",
                type="tertiary",
                help=help,
                on_click=act,
                args=(row,),
                disabled=disabled or draft.fork is not None,
            )
        for field in fields:
            for problem in draft.problems_at(f"model.layers[{index}].{field.name}"):
                show_problem(say_problem(name_field(problem.path), problem))


def _commit_layer(draft: Draft, key: str, row: int, field: SpecField) -> None:
    if draft.is_current(key) and row in draft.rows:
        draft.set_layer(row, field.name, _read(field, st.session_state[key]))
