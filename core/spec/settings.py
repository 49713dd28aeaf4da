"""Other values for some fields of a spec: as settings such as `train.epochs=3`, or by their paths."""

from __future__ import annotations

import contextlib
import difflib
import json
import re
from collections.abc import Mapping
from typing import Any

from core.spec import SECTIONS, ModelSpec, RunSpec
from core.spec.fields import SpecField, field_at, fields_of
from core.spec.parse import FieldProblem, SpecError, parse_spec, path_of, read_numbers, refuse, shorten_value, to_json

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
        _put(data, path, _read_value(_find(path)[0], text.strip()))
    return data


def set_values(spec: RunSpec, values: Mapping[str, Any]) -> RunSpec:
    """The spec with other values at these paths; `model.layers[*]` means every layer. Raises SpecError."""
    data = spec.model_dump(mode="json")
    for path, value in values.items():
        _put(data, path, value)
    return parse_spec(data)


def _find(path: str) -> tuple[SpecField, str, str | None]:
    """The field at a path, its section, and its layer if it is one of a layer."""
    found = _SETTING.fullmatch(path)
    try:
        return field_at(path if found else ""), *(found.groups() if found else ("", None))
    except KeyError:
        shown = path if re.fullmatch(r"[\w.\[\]*]{1,80}", path) else shorten_value(path)
        raise refuse(shown, "is no field of a spec" + suggest_path(path)) from None


def _put(data: dict[str, Any], path: str, value: Any) -> None:
    field, section, layer = _find(path)
    for owner in _owners_of(data, section, layer):
        owner[field.name] = value


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
    if field.kind == "ints" and not isinstance(value, list | dict):
        return read_numbers(text, is_whole=True)
    if field.kind == "int" and isinstance(value, float):
        return text  # refused as it was typed: 1e3, not 1000.0
    # `float` would also read other scripts' digits and 1_000, which no form and no JSON does.
    if field.kind == "float" and isinstance(value, str) and value.isascii() and "_" not in value:
        with contextlib.suppress(ValueError):
            return float(value)
    return value


def _owners_of(data: dict[str, Any], section: str, layer: str | None) -> list[dict[str, Any]]:
    """The objects that hold a field: its section, one layer, or with `[*]` every layer."""
    owner = data.setdefault(section, {})
    if not isinstance(owner, dict):
        raise SpecError([FieldProblem(section, "must be an object with named fields", owner)])
    if layer is None:
        return [owner]
    layers = owner.setdefault("layers", ModelSpec().model_dump(mode="json")["layers"])
    if not isinstance(layers, list) or not all(isinstance(each, dict) for each in layers):
        raise SpecError([FieldProblem("model.layers", "must be a list of objects with named fields", layers)])
    if layer == "*":
        return layers
    if int(layer) >= len(layers):
        raise refuse(f"model.layers[{layer}]", f"there is no such layer; the spec has {len(layers)}, counted from 0")
    return [layers[int(layer)]]
