"""From JSON, a flag or a link to a checked `RunSpec`; what is wrong comes back as sentences that name the field."""

from __future__ import annotations

import base64
import difflib
import json
import re
import zlib
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from core.fields import fields_of
from core.spec import SECTIONS, RunSpec

MAX_SPEC_BYTES = 200_000
_PART = re.compile(r"([a-z_]+)(?:\[(\d+|\*)\])?")


@dataclass(frozen=True)
class FieldProblem:
    """What is wrong with one field: `str()` gives `train.epochs = 0: must be at least 1`."""

    path: str
    message: str
    value: Any = None
    missing: bool = False

    def __str__(self) -> str:
        shown = "" if self.missing else f" = {_shorten(self.value)}"
        return f"{self.path}{shown}: {self.message}" if self.path else self.message


class SpecError(ValueError):
    """A spec that cannot be run; `problems` holds one entry a field."""

    def __init__(self, problems: list[FieldProblem]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


def parse_spec(source: str | bytes | dict[str, Any]) -> RunSpec:
    """A checked spec from JSON text or its parsed form. Raises SpecError."""
    if isinstance(source, dict):
        try:
            source = json.dumps(source)
        except (TypeError, ValueError) as error:
            raise SpecError([FieldProblem("", f"cannot be written as JSON: {error}", missing=True)]) from error
    if len(source) > MAX_SPEC_BYTES:
        raise SpecError([FieldProblem("", f"a spec has at most {MAX_SPEC_BYTES:,} bytes", missing=True)])
    try:
        return RunSpec.model_validate_json(source)
    except ValidationError as error:
        problems = [_explain(dict(detail)) for detail in error.errors()]
        # A list with a bad entry is also reported as too short: the entry's own sentence is enough.
        kept = [p for p in problems if not any(other.path.startswith(p.path + "[") for other in problems)]
        raise SpecError(kept) from None


def _explain(detail: dict[str, Any]) -> FieldProblem:
    """One of pydantic's errors as a sentence in this project's words."""
    context = detail.get("ctx") or {}
    if detail["type"] == "problem":
        return FieldProblem(context["path"], context["message"], context["value"])
    path, value = _path_of(detail["loc"]), detail["input"]
    match detail["type"]:
        case "greater_than_equal":
            message = f"must be at least {context['ge']:g}"
        case "less_than_equal":
            message = f"must be at most {context['le']:,}"
        case "int_type" | "int_from_float":
            message = "must be a whole number"
        case "float_type":
            message = "must be a number"
        case "finite_number":
            message = "must be a finite number"
        case "bool_type":
            message = "must be true or false"
        case "string_type":
            message = "must be text"
        case "string_too_long":
            message = f"must have at most {context['max_length']:,} characters"
        case "string_pattern_mismatch":
            message = "must be auto, cpu, mps, cuda or cuda:N"
        case "literal_error":
            message = f"must be one of {context['expected'].replace(chr(39), '')}"
        case "too_short":
            message = f"must have at least {context['min_length']} entry"
        case "too_long":
            message = f"must have at most {context['max_length']} entries"
        case "extra_forbidden":
            return FieldProblem(path, "is no field of a spec" + _suggest(detail["loc"]), missing=True)
        case "json_invalid":
            return FieldProblem("", f"is not JSON: {context['error']}", missing=True)
        case "model_type" | "model_attributes_type":
            message = "must be an object with named fields"
        case _:
            message = detail["msg"][:1].lower() + detail["msg"][1:]
    return FieldProblem(path, message, value)


def _path_of(loc: tuple[int | str, ...]) -> str:
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "spec"


def _suggest(loc: tuple[int | str, ...]) -> str:
    section = "layers[]" if "layers" in loc else str(loc[0])
    known = [field.name for field in fields_of(section)] if len(loc) > 1 and section != str(loc[-1]) else list(SECTIONS)
    close = difflib.get_close_matches(str(loc[-1]), known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _shorten(value: Any) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def apply_settings(data: dict[str, Any], settings: list[str]) -> dict[str, Any]:
    """A copy of a spec's dict with `section.field=value` settings applied; `layers[*]` means every layer.

    The value is read as JSON where it is JSON, else as text. Raises SpecError for a setting that names no field;
    the value itself is checked by `parse_spec`.
    """
    data = json.loads(json.dumps(data))
    for setting in settings:
        path, equals, text = setting.partition("=")
        if not equals:
            raise SpecError([FieldProblem(setting, "write it as section.field=value", missing=True)])
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        _assign(data, path.strip(), value)
    return data


def _assign(data: dict[str, Any], path: str, value: Any) -> None:
    owners: list[Any] = [data]
    parts = path.split(".")
    for depth, part in enumerate(parts):
        found = _PART.fullmatch(part)
        if not found or any(not isinstance(owner, dict) for owner in owners):
            raise SpecError([FieldProblem(path, "is no field of a spec", missing=True)])
        name, index = found.groups()
        last = depth == len(parts) - 1
        if last and index is None:
            for owner in owners:
                owner[name] = value
            return
        if last or any(name not in owner for owner in owners):
            raise SpecError([FieldProblem(path, "is no field of a spec", missing=True)])
        owners = [owner[name] for owner in owners]
        if index is not None:
            lists = [owner for owner in owners if isinstance(owner, list)]
            owners = [item for items in lists for place, item in enumerate(items) if index in ("*", str(place))]
        if not owners:
            raise SpecError([FieldProblem(path, "there is no such layer", missing=True)])


def to_link(spec: RunSpec) -> str:
    """The spec as text that is safe in a link: what differs from the defaults, packed."""
    compact = spec.model_dump_json(exclude_defaults=True).encode()
    return base64.urlsafe_b64encode(zlib.compress(compact, 9)).decode().rstrip("=")


def from_link(text: str) -> RunSpec:
    """The spec that `to_link` wrote. Raises SpecError, also for a link that was cut or made up."""
    broken = SpecError([FieldProblem("", "the link is damaged: it holds no spec", missing=True)])
    try:
        packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        unpacker = zlib.decompressobj()
        plain = unpacker.decompress(packed, MAX_SPEC_BYTES)
    except (ValueError, zlib.error):
        raise broken from None
    if not unpacker.eof:
        raise broken
    return parse_spec(plain)
