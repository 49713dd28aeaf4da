"""Settings such as `train.epochs=3` applied to a spec's dict, as the command line and tables of changes write them."""

from __future__ import annotations

import contextlib
import difflib
import json
import re
from typing import Any

from core.spec import SECTIONS, ModelSpec
from core.spec.fields import SpecField, field_at, fields_of
from core.spec.parse import FieldProblem, SpecError, path_of, refuse, shorten_value, to_json

_SETTING = re.compile(r"(model|data|augment|train)\.(?:layers\[([0-9]{1,9}|\*)\]\.)?[a-z_]+")


_SWITCH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def apply_settings(data: dict[str, Any], settings: list[str]) -> dict[str, Any]:
    """A copy of a spec's dict with `section.field=value` settings applied; `layers[*]` means every layer.

    The value is read as JSON where it is JSON, else as people write it: `yes`, `.5`, `91, 136`, plain text. Raises
    SpecError for a setting that names no field; the value itself is checked by `parse_spec`.
    """
    data = json.loads(to_json(data))
    for setting in settings:
        path, equals, text = setting.partition("=")
        path = path.strip()
        if not equals:
            raise refuse(path_of((path,)), "write a setting as section.field=value")
        found = _SETTING.fullmatch(path)
        try:
            field = field_at(path if found else "")
        except KeyError:
            shown = path if re.fullmatch(r"[\w.\[\]*]{1,80}", path) else shorten_value(path)
            raise refuse(shown, "is no field of a spec" + suggest_path(path)) from None
        section, place = found.groups() if found else ("", None)
        value = _read_value(field, text.strip())
        for owner in _owners_of(data, section, place):
            owner[field.name] = value
    return data


def suggest_path(path: str) -> str:
    """`; did you mean train.epochs?` for a path that names no field, or nothing."""
    known = [field.path for section in SECTIONS for field in fields_of(section)]
    known += [f"model.layers[*].{field.name}" for field in fields_of("layers[]")]
    # Without a dot only the field was named: `epochs` for `train.epochs`.
    by_text = {full if "." in path else full.rpartition(".")[2]: full for full in known}
    close = difflib.get_close_matches(path[:80], by_text, n=1)
    return f"; did you mean {by_text[close[0]]}?" if close else ""


def _read_value(field: SpecField, text: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text
    if field.kind == "text":
        return value if isinstance(value, str) else text
    if field.kind == "bool":
        return _SWITCH.get(text.lower(), value)
    if field.kind == "ints" and re.fullmatch(r"[0-9]{1,9}( *, *[0-9]{1,9})*", text):
        return [int(part) for part in text.split(",")]
    # `float` would also read other scripts' digits and 1_000, which no form and no JSON does.
    if field.kind == "float" and isinstance(value, str) and value.isascii() and "_" not in value:
        with contextlib.suppress(ValueError):
            return float(value)
    return value


def _owners_of(data: dict[str, Any], section: str, place: str | None) -> list[dict[str, Any]]:
    """The objects in which a field stands: its section, or one layer, or with `[*]` every layer."""
    owner = data.setdefault(section, {})
    if not isinstance(owner, dict):
        raise SpecError([FieldProblem(section, "must be an object with named fields", owner)])
    if place is None:
        return [owner]
    layers = owner.setdefault("layers", ModelSpec().model_dump(mode="json")["layers"])
    if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
        raise SpecError([FieldProblem("model.layers", "must be a list of objects with named fields", layers)])
    if place == "*":
        return layers
    if int(place) >= len(layers):
        raise refuse(f"model.layers[{place}]", f"there is no such layer; the spec has {len(layers)}, counted from 0")
    return [layers[int(place)]]
