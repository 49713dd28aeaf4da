"""What a script hands to `log`: nested dicts become dotted names, numbers of any library floats; others are counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

TYPE_CHECKING = False  # A script imports this before it needs anything: `typing` is all that is large here.
if TYPE_CHECKING:
    from core.runs.records import Scalar


MAX_DEPTH = 20


class Media:
    """What is no number: a script may make one and log it, and it is left out by its name."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        """Methods such as `Table.add_data` do nothing."""
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_, **__: None


def flatten(values: Mapping[Any, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Every value under its name, those of nested dicts joined by dots: {"a": {"b": 1}} is a.b.

    What is nested deeper than `MAX_DEPTH`, as a dict that holds itself is, is a value.
    """
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and depth < MAX_DEPTH:
            yield from flatten(value, f"{name}.", depth + 1)
        else:
            yield name, value


def to_number(value: Any) -> float | None:
    """A number, or the only one of an array or tensor, as a float; None if it is something else."""
    if type(value) is float:
        return value
    if isinstance(value, str | bytes | Media):
        return None
    try:
        if not isinstance(value, int | float) and hasattr(value, "item"):
            value = value.item()  # of numpy, torch, JAX
        return float(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):  # no number, several, or one beyond every float
        return None


def name_kind(value: Any) -> str:
    """What was left out, for counting."""
    if isinstance(value, Media):
        return f"{type(value).__name__} (media)"
    if isinstance(value, str | bytes):
        return "texts"
    if value is None:
        return "empty values"
    if hasattr(value, "shape"):
        return "arrays"
    return "lists" if isinstance(value, list | tuple | set) else type(value).__name__


def to_configuration(values: Any) -> dict[str, Scalar]:
    """A configuration as plain values under dotted names: of a dict, a dataclass, or an object such as argparse's."""
    return {name: _to_scalar(value) for name, value in flatten(to_dict(values))}


def to_dict(values: Any) -> dict[str, Any]:
    """Raises TypeError for what has no names."""
    if isinstance(values, Mapping):
        return {str(key): value for key, value in values.items()}
    if is_dataclass(values) and not isinstance(values, type):
        return {field.name: getattr(values, field.name) for field in fields(values)}
    if values is None:
        return {}
    return {name: value for name, value in vars(values).items() if not name.startswith("_")}


def _to_scalar(value: Any) -> Scalar:
    if value is None or isinstance(value, str | bool | int | float):
        return value
    number = to_number(value) if hasattr(value, "item") else None
    if number is None:
        return str(value)
    return int(number) if "int" in str(getattr(value, "dtype", "")) else number
