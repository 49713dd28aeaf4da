"""What all parts of a spec are made of: strict models whose fields carry what a form shows of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError


class Problem(PydanticCustomError):
    """A broken rule between fields, reported at the field that a person would change."""

    def __new__(cls, path: str, value: object, message: str) -> Self:
        return super().__new__(cls, "problem", "{message}", {"path": path, "value": value, "message": message})


def _require_odd(value: object) -> object:
    """Filter sizes are odd, so that a padding of half their size keeps the map's size."""
    if type(value) is int and value % 2 == 0:
        raise PydanticCustomError("odd", "must be odd, so that padding keeps the size")
    return value


# The values of a sibling field under which another has an effect.
Condition = list[str] | list[bool] | range

Odd = Annotated[int, BeforeValidator(_require_odd)]


def require_rising(values: tuple[int, ...]) -> tuple[int, ...]:
    if list(values) != sorted(set(values)):
        raise PydanticCustomError("rising", "must rise from one to the next")
    return values


def setting(
    default: Any,
    label: str,
    text: str,
    *,
    unit: str = "",
    symbol: str = "",
    basic: bool = False,
    log: bool = False,
    zero: str = "",
    when: Mapping[str, Condition] | None = None,
    **rules: Any,
) -> Any:
    """A field, what a form shows of it, and its rules as pydantic's `Field` takes them.

    `basic` fields are visible, the others folded; `log` ranges get a logarithmic scale; `zero` is what 0 means,
    as `off`; `when` names the choices of sibling fields, or their whole numbers, under which this one has an effect.
    """
    extra: dict[str, Any] = {
        "unit": unit,
        "symbol": symbol,
        "basic": basic,
        "log": log,
        "zero": zero,
        "when": when or {},
    }
    return Field(default, title=label, description=text, json_schema_extra=extra, **rules)


def number(default: float, limits: tuple[float, float], label: str, text: str, **shown: Any) -> Any:
    """A `setting` that is a number within these limits."""
    return setting(default, label, text, ge=limits[0], le=limits[1], **shown)


class Strict(BaseModel):
    """Frozen; unknown keys, numbers as text, NaN and infinity are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True)
