"""The fields of a spec as data: what a widget, a flag, a table or a search space needs to know of each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo as PydanticField

from core.spec import CHOICE_LABELS, SECTIONS, LayerSpec, RunSpec, choices_of
from core.spec.base import Condition
from core.text.formats import UNKNOWN

Kind = Literal["int", "float", "bool", "choice", "text", "ints", "layers"]

LAYERS = "model.layers"


@dataclass(frozen=True)
class SpecField:
    """One field: `path` is its address in a spec, as `train.learning_rate` or `layers[].channels`."""

    path: str
    name: str
    kind: Kind
    label: str
    help: str
    default: Any
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    unit: str = ""
    symbol: str = ""
    basic: bool = False
    log: bool = False
    zero: str = ""
    when: dict[str, Condition] = field(default_factory=dict)

    def applies(self, section: dict[str, Any]) -> bool:
        """Whether the field has an effect, given its section's other values."""
        return all(section.get(name) in values for name, values in self.when.items())


def _kind_of(annotation: Any) -> Kind:
    if choices_of(annotation):
        return "choice"
    if get_origin(annotation) is tuple:
        return "layers" if LayerSpec in get_args(annotation) else "ints"
    kinds: dict[Any, Kind] = {int: "int", float: "float", bool: "bool", str: "text"}
    return kinds[annotation]


def _read(path: str, name: str, info: PydanticField) -> SpecField:
    limits = {kind: getattr(mark, kind) for mark in info.metadata for kind in ("ge", "le") if hasattr(mark, kind)}
    extra: Any = info.json_schema_extra
    return SpecField(
        path=path,
        name=name,
        kind=_kind_of(info.annotation),
        label=info.title or name,
        help=info.description or "",
        default=info.get_default(call_default_factory=True),
        low=limits.get("ge"),
        high=limits.get("le"),
        choices=choices_of(info.annotation),
        **extra,
    )


@cache
def fields_of(section: str) -> tuple[SpecField, ...]:
    """The fields of `model`, `data`, `augment`, `train` or `layers[]` (one block layer), in the order of the form."""
    owner: type[BaseModel] = LayerSpec if section == "layers[]" else SECTIONS[section]
    return tuple(_read(f"{section}.{name}", name, info) for name, info in owner.model_fields.items())


def field_at(path: str) -> SpecField:
    """The field at `train.epochs` or `model.layers[2].channels`; KeyError if there is none."""
    plain = re.sub(r"^model\.layers\[([0-9]+|\*|)\]\.", "layers[].", path)
    section, _, name = plain.rpartition(".")
    for candidate in fields_of(section) if section in (*SECTIONS, "layers[]") else ():
        if candidate.name == name:
            return candidate
    raise KeyError(path)


@cache
def default_at(path: str) -> Any:
    """Raises KeyError if there is no such field."""
    return field_at(path).default


def flatten(spec: RunSpec) -> dict[str, Any]:
    """Every value of a spec by its path: `train.epochs`, `model.layers[0].channels`."""
    return dict(_walk(spec.model_dump(exclude={"version"}), ""))


def flatten_json(values: dict[str, Any]) -> dict[str, Any]:
    """As `flatten`, of a spec as JSON has it, right or wrong."""
    return dict(_walk({key: value for key, value in values.items() if key != "version"}, ""))


def list_changed(spec: RunSpec) -> Iterator[tuple[str, str | int | float | bool | None]]:
    """The values that are not their field's default, by their paths, and how many block layers; lists as text."""
    yield LAYERS, len(spec.model.layers)
    for path, value in flatten(spec).items():
        if value != default_at(path):
            yield path, format_value(value) if isinstance(value, tuple | list) else value


def _walk(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _walk(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, tuple | list) and value and isinstance(value[0], dict):
        for index, inner in enumerate(value):
            yield from _walk(inner, f"{path}[{index}]")
    else:
        yield path, value


def differing(specs: list[RunSpec], *, ignore: frozenset[str] = frozenset()) -> list[str]:
    """The paths at which the specs do not all agree, in the order of the form; a missing layer differs."""
    flat = [flatten(spec) for spec in specs]
    paths = dict.fromkeys(path for values in flat for path in values)
    return [path for path in paths if path not in ignore and any(v.get(path) != flat[0].get(path) for v in flat)]


@cache
def label_path(path: str) -> str:
    """A field as people call it: `Layer 2 channels` for `model.layers[1].channels`. An unknown path stays as it is."""
    try:
        label = field_at(path).label
    except KeyError:
        return path
    layer = re.match(r"model\.layers\[([0-9]+|\*)\]", path)
    if not layer:
        return label
    whose = "All layers'" if layer[1] == "*" else f"Layer {int(layer[1]) + 1}"
    return f"{whose} {label.lower()}"


def format_value(value: Any, digits: int = 6) -> str:
    """A value as people write it into a spec: 0.001 rather than 1.0e-3, lists with commas."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    if isinstance(value, tuple | list):
        return ", ".join(format_value(inner, digits) for inner in value) or UNKNOWN
    return str(value)


def show_value(spec_field: SpecField, value: Any, *, digits: int = 6, unit: bool = True) -> str:
    """A field's value as people read it: a choice by its label, a number with its unit, a 0 by what it means."""
    if spec_field.kind == "choice":
        return CHOICE_LABELS.get(value, str(value))
    if spec_field.zero and value == 0:
        return spec_field.zero
    if value in ("", (), []):
        return UNKNOWN
    # A unit in the plural is a word: 1 batch, 1 epoch.
    word = (
        {"batches": "batch"}.get(spec_field.unit, spec_field.unit.removesuffix("s")) if value == 1 else spec_field.unit
    )
    return f"{format_value(value, digits)} {word if unit else ''}".rstrip()
