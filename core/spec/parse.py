"""From JSON, a flag or a link to a checked `RunSpec`; what is wrong comes back as sentences that name the field."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from core.spec import SECTIONS, RunSpec
from core.spec.fields import fields_of
from core.system.errors import LabError

MAX_SPEC_BYTES = 64_000
MAX_PROBLEMS = 20
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class FieldProblem:
    """What is wrong with one field: `str()` gives `train.epochs = 0: must be at least 1`."""

    path: str
    message: str
    value: Any = None
    missing: bool = False

    def __str__(self) -> str:
        shown = "" if self.missing else f" = {shorten_value(self.value)}"
        return f"{self.path}{shown}: {self.message}" if self.path else self.message


class SpecError(LabError, ValueError):
    """A spec that cannot be run; `problems` holds one entry a field."""

    def __init__(self, problems: list[FieldProblem]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))

    def __reduce__(self) -> tuple[type[SpecError], tuple[list[FieldProblem]]]:
        # The message alone would not make one again, on its way from another process.
        return type(self), (self.problems,)


def refuse(path: str, message: str) -> SpecError:
    return SpecError([FieldProblem(path, message, missing=True)])


def parse_spec(source: str | bytes | dict[str, Any]) -> RunSpec:
    """A checked spec from JSON text or its parsed form. Raises SpecError."""
    return parse_model(RunSpec, source, _problems_of)


def parse_model(
    model: type[Model],
    source: str | bytes | dict[str, Any],
    explain_all: Callable[[ValidationError], list[FieldProblem]],
) -> Model:
    """A model from JSON text or its parsed form. Raises SpecError with what `explain_all` makes of its errors."""
    text = encode_text(source)
    try:
        parsed = model.model_validate_json(text)
    except ValidationError as error:
        raise SpecError(explain_all(error)) from None
    read_object(text)  # refuses what pydantic lets through: a name written twice
    return parsed


def encode_text(source: str | bytes | dict[str, Any]) -> bytes:
    """UTF-8 without a byte order mark, which editors on Windows write."""
    if isinstance(source, dict):
        source = to_json(source)
    if isinstance(source, str):
        try:
            source = source.encode()
        except UnicodeEncodeError:
            raise refuse("", "the spec is not JSON: it holds half a character (a lone surrogate)") from None
    text = bytes(source).removeprefix(b"\xef\xbb\xbf")
    if not text.strip():
        raise refuse("", "the spec is empty")
    if len(text) > MAX_SPEC_BYTES:
        raise refuse("", f"a spec has at most {MAX_SPEC_BYTES:,} bytes; this text has {len(text):,}")
    return text


def to_json(data: dict[str, Any]) -> str:
    """JSON text of a dict; SpecError names the value that JSON or UTF-8 cannot express."""
    reason = _unwritable(data)
    if reason is None:
        return json.dumps(data, ensure_ascii=False)
    for section, values in data.items():
        for name, value in values.items() if isinstance(values, dict) else ():
            if why := _unwritable(value):
                raise refuse(path_of((str(section), str(name))), f"cannot be written as JSON: {why}")
    raise refuse("", f"the spec cannot be written as JSON: {reason}")


def _unwritable(value: Any) -> str | None:
    """Why a value cannot be written as JSON, or nothing."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "it holds half a character (a lone surrogate)"
    except RecursionError:
        return "it is nested too deeply"
    except (TypeError, ValueError) as error:
        return "a number has too many digits" if "digits" in str(error) else str(error)
    return None


_WHOLE = re.compile(r"[+-]?[0-9]{1,15}")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]{1,3})?", re.IGNORECASE)


def read_number(text: str, *, is_whole: bool) -> int | float | str | None:
    """The number that was typed; None for nothing, and the text itself if it is none, for the check to refuse it.

    Nothing is guessed: "0,01" and "1 000" are no numbers here, and "1e3" and "1.5" are no whole ones.
    """
    typed = text.strip()
    if is_whole:
        return int(typed) if _WHOLE.fullmatch(typed) else typed or None
    # So long a number would be read as infinite.
    found = float(typed) if _DECIMAL.fullmatch(typed) and len(typed) <= 60 else math.inf
    return found if math.isfinite(found) else typed or None


def read_numbers(text: str, *, is_whole: bool) -> list[Any]:
    """`16, 32` as numbers; anything else stays text, for the check to report.

    Of decimals a comma within a part separates nothing: `0,1; 0,01` holds two texts that are no numbers.
    """
    separator = r";|,\s" if not is_whole and re.search(r";|,\s", text) else "[;,]"
    parts = [part.strip() for part in re.split(separator, text) if part.strip()]
    # 0,01 is no list of 0 and 1: nobody writes a zero in front of one.
    return [part if re.match(r"0[0-9]", part) else read_number(part, is_whole=is_whole) for part in parts]


def explain_number(problem: FieldProblem) -> str:
    """The problem's message, with the text that stands in a number's place: must be a number, not “0,01” ..."""
    if not isinstance(problem.value, str) or not re.match(r"must be a (whole )?number", problem.message):
        return problem.message
    is_decimal = problem.message.startswith("must be a number") and re.fullmatch(r"[0-9 .]*,[0-9]+", problem.value)
    point = "; write decimals with a point" if is_decimal else ""
    return f"{problem.message}, not “{shorten_value(problem.value)[1:-1]}”{point}"


def read_object(source: str | bytes) -> dict[str, Any]:
    """The object that a JSON text holds, not yet checked as a spec. Raises SpecError."""
    try:
        data = json.loads(encode_text(source), object_pairs_hook=_refuse_twins)
    except RecursionError:
        raise refuse("", "the spec is not JSON: it is nested too deeply") from None
    except ValueError as error:
        if isinstance(error, SpecError):
            raise
        raise refuse("", f"the spec is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise SpecError([FieldProblem("spec", "must be an object with named fields", data)])
    return data


def _refuse_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A name written twice would silently lose its first value."""
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            raise SpecError([FieldProblem(path_of((name,)), "is written twice in one object", value)])
        values[name] = value
    return values


def _problems_of(error: ValidationError) -> list[FieldProblem]:
    details = error.errors(include_url=False)
    # A list with a bad entry is also reported as too short: the entry's own sentence is enough.
    parents = {detail["loc"][:depth] for detail in details for depth in range(len(detail["loc"]))}
    details = [detail for detail in details if detail["type"] != "too_short" or detail["loc"] not in parents]
    problems = [explain(dict(detail)) for detail in details[:MAX_PROBLEMS]]
    if len(details) > MAX_PROBLEMS:
        problems.append(FieldProblem("", f"and {len(details) - MAX_PROBLEMS:,} more", missing=True))
    return problems


def explain(detail: dict[str, Any]) -> FieldProblem:
    """One of pydantic's errors as a sentence in this project's words."""
    context = detail.get("ctx") or {}
    path, value = path_of(detail["loc"]), detail["input"]
    match detail["type"]:
        case "problem":
            return FieldProblem(context["path"], context["message"], context["value"])
        case "json_invalid":
            return FieldProblem("", f"the spec is not JSON: {context['error']}", missing=True)
        case "extra_forbidden":
            return FieldProblem(path, "is no field of a spec" + _suggest(detail["loc"]), missing=True)
        case "literal_error":
            one = "one of " if " or " in context["expected"] else ""
            message = f"must be {one}{context['expected'].replace(chr(39), '')}"
        case "too_short":
            message = f"must have at least {_count(context['min_length'])}"
        case "too_long":
            message = f"must have at most {_count(context['max_length'])}"
        case kind:
            limits = {name: int(bound) for name in _LIMITS if (bound := context.get(name)) and bound % 1 == 0}
            known = _MESSAGES.get(kind, "").format(**context | limits)
            message = known or detail["msg"][:1].lower() + detail["msg"][1:]
    return FieldProblem(path, message, value)


_LIMITS = ("ge", "le")  # shown as 100, not 100.0
_MESSAGES = {
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:,}",
    "string_too_long": "must have at most {max_length:,} characters",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "string_pattern_mismatch": "must be auto, cpu, mps, cuda or cuda:N",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "model_type": "must be an object with named fields",
    "model_attributes_type": "must be an object with named fields",
}


def _count(entries: int) -> str:
    return "1 entry" if entries == 1 else f"{entries} entries"


def path_of(loc: tuple[int | str, ...]) -> str:
    """`train.epochs` from a location in the JSON; a name that is not a plain word is quoted to print safely."""
    text = ""
    for part in loc:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if re.fullmatch(r"\w{1,60}", part) else shorten_value(part)
            text += f".{name}" if text else name
    return text or "spec"


def _suggest(loc: tuple[int | str, ...]) -> str:
    """The field that an unknown name was probably meant to be."""
    name = str(loc[-1])
    if len(loc) > 1:
        section = "layers[]" if len(loc) > 2 else str(loc[0])
        close = difflib.get_close_matches(name, [field.name for field in fields_of(section)], n=1)
    else:
        # A field written outside its section is the likelier mistake: `epochs` for `train.epochs`.
        homes = {field.name: field.path for section in SECTIONS for field in fields_of(section)}
        close = [homes[name]] if name in homes else difflib.get_close_matches(name, SECTIONS, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def shorten_value(value: Any) -> str:
    """A value as JSON on one line of at most 60 characters, none of which a terminal or UTF-8 would choke on."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    text = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text[:200])
    return text if len(text) <= 60 else text[:57] + "..."
