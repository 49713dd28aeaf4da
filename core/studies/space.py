"""A search space over the fields of a spec: what each dimension may be, its values, and a spec for some of them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from core.spec import MAX_LAYERS, RunSpec, Strict
from core.spec.fields import SpecField, field_at, flatten, format_value
from core.spec.parse import FieldProblem, SpecError
from core.spec.settings import set_values, suggest_path

Value = str | int | float | bool
LAYERS = "model.layers"
MAX_CHOICES = 100
MAX_STEPS = 10_000  # of a range of fractions
ODD = {"filter_size", "skip_kernel", "stem_filter"}
# With another validation set, or another task, two trials could not be compared.
_DEFINES_TASK = {
    *["dataset", "folder", "folder_classes", "folder_parts", "val_fraction", "test_fraction", "split_seed"],
    *["damaged", "cap_held_out", "without"],
}
_PATH = re.compile(r"(model|data|augment|train)\.(?:layers\[([0-9]{1,2}|\*)\]\.)?[a-z_]+")


class Dimension(Strict):
    """One searched field: a range from `low` to `high`, or a set of `choices`.

    `path` is the field's address; `model.layers[*].channels` sets every layer at once, `model.layers` is their number.
    """

    path: str = Field(max_length=100)
    low: float | None = None
    high: float | None = None
    log: bool = False
    step: float | None = None
    choices: Annotated[tuple[Value, ...], Field(strict=False)] = Field((), max_length=MAX_CHOICES)

    @property
    def field(self) -> SpecField:
        """Raises KeyError if there is no such field."""
        return find_field(self.path)

    @property
    def kind(self) -> str:
        return self.field.kind

    @property
    def bounds(self) -> tuple[float, float]:
        """Both ends of a range."""
        assert self.low is not None
        assert self.high is not None
        return self.low, self.high

    @property
    def shapes_network(self) -> bool:
        """Whether the parameters, or what can be built at all, depend on it."""
        return self.path.startswith("model.") or self.path in ("data.image_size", "data.colour")

    def values(self) -> Sequence[Value] | None:
        """All its values, or None for a continuous range."""
        if self.choices:
            return self.choices
        low, high = self.bounds
        if self.kind == "int":
            return range(int(low), int(high) + 1, self.int_step)
        if self.step is None:
            return None
        return [float(f"{low + index * self.step:.12g}") for index in range(int((high - low) / self.step + 1e-9) + 1)]

    @property
    def highest(self) -> float:
        """The largest of its numbers; 0 if it has none."""
        return max((value for value in (*self.choices, self.high) if isinstance(value, int | float)), default=0)

    @property
    def int_step(self) -> int:
        return int(self.step or (2 if self.field.name in ODD else 1))


def find_field(path: str) -> SpecField:
    """The field that a dimension may search. Raises KeyError."""
    if not _PATH.fullmatch(path):
        raise KeyError(path)
    field = field_at(path)
    if field.kind == "layers":
        return replace(field, kind="int", low=1, high=MAX_LAYERS, default=len(field.default))
    return field


def check_space(base: RunSpec, space: Sequence[Dimension]) -> list[FieldProblem]:
    """What is wrong with a space, as sentences at `space[i].name`."""
    if not space:
        return [FieldProblem("space", "is empty: choose at least one field to search", missing=True)]
    problems: list[FieldProblem] = []
    taken: dict[str, int] = {}
    for index, dimension in enumerate(space):
        found = _check_path(base, space, dimension) or _check_overlap(dimension, taken) or _check_values(dimension)
        problems += [replace(problem, path=f"space[{index}].{problem.path}") for problem in found]
        taken[dimension.path] = index
    return problems


def _check_path(base: RunSpec, space: Sequence[Dimension], dimension: Dimension) -> list[FieldProblem]:
    path = dimension.path
    try:
        field = find_field(path)
    except KeyError:
        return [FieldProblem("path", "is no field of a spec" + suggest_path(path), path)]
    if field.kind in ("text", "ints"):
        return [FieldProblem("path", "cannot be searched: it is no number and has no choices", path)]
    caps_held_out = path == "data.max_train_images" and base.data.cap_held_out
    if caps_held_out or (path.startswith("data.") and field.name in _DEFINES_TASK):
        message = "cannot be searched: it changes what is validated, so trials would not compare"
        return [FieldProblem("path", message, path)]
    most = max_layers(base, space)
    if _layer_of(path) >= most:
        return [FieldProblem("path", f"there is no such layer; there are {most}, counted from 0", path)]
    return []


def _layer_of(path: str) -> int:
    """The layer of a field; -1 for a field of all layers or of none."""
    found = re.match(r"model\.layers\[([0-9]+)\]", path)
    return int(found[1]) if found else -1


def max_layers(base: RunSpec, space: Iterable[Dimension]) -> int:
    """Layers of the deepest network in the space."""
    for dimension in space:
        if dimension.path == LAYERS:
            return max(len(base.model.layers), int(dimension.highest))
    return len(base.model.layers)


def _check_overlap(dimension: Dimension, taken: Mapping[str, int]) -> list[FieldProblem]:
    for other, index in taken.items():
        each = re.sub(r"\[([0-9]+|\*)\]", "[]", other) == re.sub(r"\[([0-9]+|\*)\]", "[]", dimension.path)
        if other == dimension.path or (each and "[*]" in other + dimension.path):
            return [FieldProblem("path", f"is searched already, by space[{index}]", dimension.path)]
    return []


def _check_values(dimension: Dimension) -> list[FieldProblem]:
    given = [name for name in ("low", "high") if getattr(dimension, name) is not None]
    if dimension.choices:
        if given:
            return [FieldProblem("choices", "give either a range or choices, not both", list(dimension.choices))]
        return _check_choices(dimension)
    if not given:
        return [FieldProblem("low", "needs a range (low and high) or choices", missing=True)]
    return _check_range(dimension)


def _check_choices(dimension: Dimension) -> list[FieldProblem]:
    problems: list[FieldProblem] = []
    for index, choice in enumerate(dimension.choices):
        message = check_value(dimension.field, choice)
        if not message and any(_same(choice, other) for other in dimension.choices[:index]):
            message = "is there twice"
        if message:
            problems.append(FieldProblem(f"choices[{index}]", message, choice))
    for name in ("log", "step"):
        if getattr(dimension, name):
            problems.append(FieldProblem(name, "goes with a range, not with choices", getattr(dimension, name)))
    return problems


def _same(one: Value, other: Value) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _check_range(dimension: Dimension) -> list[FieldProblem]:
    field, low, high, step = dimension.field, dimension.low, dimension.high, dimension.step
    if field.kind not in ("int", "float"):
        options = "true and false" if field.kind == "bool" else ", ".join(field.choices)
        return [FieldProblem("choices", f"has no range: choose among {options}", missing=True)]
    if low is None or high is None:
        return [FieldProblem("low" if low is None else "high", "a range needs both ends", missing=True)]
    problems = [
        FieldProblem(name, message, _plain(field, bound))
        for name, bound in (("low", low), ("high", high))
        if (message := check_value(field, _plain(field, bound)))
    ]
    if not problems and low >= high:
        message = f"must be above low, {format_value(_plain(field, low))}"
        problems.append(FieldProblem("high", message, _plain(field, high)))
    if dimension.log and low <= 0:
        problems.append(FieldProblem("low", "must be above 0 on a logarithmic scale", low))
    if not problems and step is not None:
        problems += _check_step(dimension, low, high, step)
    return problems


def _check_step(dimension: Dimension, low: float, high: float, step: float) -> list[FieldProblem]:
    message = ""
    if dimension.log:
        message = "must be left out on a logarithmic scale"
    elif not 0 < step <= high - low:
        message = f"must be above 0 and at most {format_value(high - low)}, from low to high"
    elif dimension.kind == "int" and step != int(step):
        message = "must be a whole number"
    elif dimension.field.name in ODD and step % 2:
        message = "must be even, because the field is odd"
    elif dimension.kind == "float" and (high - low) / step > MAX_STEPS:
        # They are counted out, and 1e-300 would fill the memory.
        message = f"makes more than {MAX_STEPS:,} values; leave it out for a continuous range"
    return [FieldProblem("step", message, step)] if message else []


def _plain(field: SpecField, value: float) -> int | float:
    return int(value) if field.kind == "int" and value == int(value) else value


def check_value(field: SpecField, value: Value) -> str:
    """What is wrong with a value for this field alone, or nothing."""
    match field.kind:
        case "bool":
            return "" if isinstance(value, bool) else "must be true or false"
        case "choice":
            return "" if value in field.choices else f"must be one of {', '.join(field.choices)}"
        case "int" if not isinstance(value, int) or isinstance(value, bool):
            return "must be a whole number"
        case "float" if not isinstance(value, int | float) or isinstance(value, bool):
            return "must be a number"
    assert isinstance(value, int | float)
    if field.low is not None and value < field.low:
        return f"must be at least {field.low:g}"
    if field.high is not None and value > field.high:
        return f"must be at most {field.high:,}"
    return "must be odd, so that padding keeps the size" if field.name in ODD and value % 2 == 0 else ""


def count_values(space: Sequence[Dimension]) -> int | None:
    """Points of the space, or None if a range is continuous."""
    counts = [None if (values := dimension.values()) is None else len(values) for dimension in space]
    return None if None in counts else math.prod(count for count in counts if count is not None)


def propose_values(base: RunSpec, values: Mapping[str, Any]) -> RunSpec:
    """The base with these values at their paths. Raises SpecError for a network that cannot work.

    Layers beyond the base's repeat its last one. A value for a layer that this network does not have changes nothing.
    """
    count = values.get(LAYERS, len(base.model.layers))
    if type(count) is not int or not 1 <= count <= MAX_LAYERS:
        raise SpecError([FieldProblem(LAYERS, f"must be a whole number from 1 to {MAX_LAYERS}", count)])
    known = base.model.layers
    layers = [known[min(index, len(known) - 1)].model_dump(mode="json") for index in range(count)]
    active = {path: value for path, value in values.items() if path != LAYERS and _layer_of(path) < count}
    return set_values(base, {LAYERS: layers} | active)


def read_values(
    base: RunSpec, space: Sequence[Dimension], spec: RunSpec, *, ignore: frozenset[str]
) -> dict[str, Value]:
    """The values of a spec in the space. Raises SpecError if it lies outside, naming the fields."""
    values: dict[str, Value] = {}
    problems: list[FieldProblem] = []
    wanted = flatten(spec)
    for dimension in space:
        value = _read(dimension, spec, wanted)
        if (own := _snap(dimension, value)) is not None:
            values[dimension.path] = own
        else:
            problems.append(FieldProblem(dimension.path, "is outside of the study's space", value))
    if problems:
        raise SpecError(problems)
    nearest = flatten(propose_values(base, values))
    for path in dict.fromkeys([*wanted, *nearest]):
        if path not in ignore and nearest.get(path) != wanted.get(path):
            message = f"is {format_value(nearest.get(path, 'not there'))} in the study, which does not search it"
            problems.append(FieldProblem(path, message, wanted.get(path)))
    if problems:
        raise SpecError(problems)
    return values


def _read(dimension: Dimension, spec: RunSpec, flat: Mapping[str, Any]) -> Value:
    """A dimension's value in a spec (`flat` by its paths); its first one for a layer that the spec does not have."""
    if dimension.path == LAYERS:
        return len(spec.model.layers)
    found = re.fullmatch(r"model\.layers\[([0-9]+|\*)\]\.(\w+)", dimension.path)
    if not found:
        value: Value = flat[dimension.path]
    else:
        index = "0" if found[1] == "*" else found[1]
        first = (dimension.values() or [dimension.low or 0.0])[0]
        value = flat.get(f"model.layers[{index}].{found[2]}", first)
    return float(value) if dimension.kind == "float" and not isinstance(value, str) else value


def _snap(dimension: Dimension, value: Value) -> Value | None:
    """The dimension's own value equal to this one, or None if it lies outside."""
    values = dimension.values()
    if values is None:
        low, high = dimension.bounds
        return value if low <= float(value) <= high else None
    if isinstance(values, range):  # perhaps of millions: not to be walked through
        return value if isinstance(value, int) and not isinstance(value, bool) and value in values else None
    if dimension.kind == "float":
        same = (own for own in values if math.isclose(float(own), float(value), rel_tol=1e-9, abs_tol=1e-12))
    else:
        same = (own for own in values if _same(own, value))
    return next(same, None)


def default_dimension(base: RunSpec, path: str) -> Dimension:
    """A first guess for a field to search: around the base's value, within the field's own range.

    Raises KeyError if there is no such field.
    """
    field = find_field(path)
    if field.kind == "bool":
        return Dimension(path=path, choices=(True, False))
    if field.kind == "choice":
        return Dimension(path=path, choices=field.choices)
    probe = Dimension(path=path, low=field.low, high=field.high)
    value = float(_read(probe, base, flatten(base))) if field.kind in ("int", "float") else 0.0
    lowest, highest = float(field.low or 0), float(field.high or 1)
    if field.kind == "float":
        return _default_float(field, path, value, lowest, highest)
    if path == LAYERS:
        return Dimension(path=path, low=1, high=min(highest, value + 2))
    if field.name in ODD:
        return Dimension(path=path, low=1, high=min(highest, max(7, value)), step=2)
    low, high = max(lowest, value // 2), min(highest, max(2 * value, lowest + 1))
    if step := next((step for step in (16, 8) if value >= 2 * step and value % step == 0), None):
        low = max(step, low // step * step)
    return Dimension(path=path, low=low, high=high, step=step if not field.log else None, log=field.log)


def _default_float(field: SpecField, path: str, value: float, lowest: float, highest: float) -> Dimension:
    if field.log:
        low, high = (float(f"{(value or 1e-4) * factor:.6g}") for factor in (0.1, 10))
        return Dimension(path=path, low=max(lowest, low), high=min(highest, high), log=True)
    return Dimension(path=path, low=lowest, high=highest if highest <= 1 else min(highest, max(1.0, 2 * value)))
