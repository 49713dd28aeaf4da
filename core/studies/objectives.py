"""What a study can optimize: how each objective is read from a run, and how it is shown."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from core.spec.cost import Cost
from core.text.formats import format_percent

Objective = Literal["val/loss", "val/accuracy", "parameters", "multiply_adds", "minutes"]
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class ObjectiveEntry:
    """`read` takes a run's epochs and its network's cost; it raises ValueError if the run has no value."""

    label: str
    read: Callable[[Rows, Cost], float]
    number: str  # d3's format in figures
    short_number: str  # the same where there is little room
    text: str = ""  # Python's format, if it is not d3's
    is_maximized: bool = False
    is_validated: bool = False  # measured after every epoch, so that trials can be pruned by it

    @property
    def is_share(self) -> bool:
        return self.number.endswith("%")

    def show(self, value: float) -> str:
        """The value as people read it."""
        return format_percent(value) if self.is_share else format(value, self.text or self.number)


def _of_epochs(name: str, best: Callable[[list[float]], float]) -> Callable[[Rows, Cost], float]:
    def read(rows: Rows, cost: Cost) -> float:
        values = [float(row[name]) for row in rows if isinstance(row.get(name), int | float)]
        if not values:
            raise ValueError(f"The run has no epoch with a {name}.")
        return best(values)

    return read


def _read_minutes(rows: Rows, cost: Cost) -> float:
    return float(rows[-1]["seconds"]) / 60 if rows else math.inf


OBJECTIVES: Mapping[str, ObjectiveEntry] = {
    "val/loss": ObjectiveEntry("Validation loss", _of_epochs("val/loss", min), ".4f", ".3~f", is_validated=True),
    "val/accuracy": ObjectiveEntry(
        "Validation accuracy", _of_epochs("val/accuracy", max), ".2%", ".1%", is_maximized=True, is_validated=True
    ),
    "parameters": ObjectiveEntry("Parameters", lambda _, cost: float(cost.parameters), ".4s", ".3~s", ",.0f"),
    "multiply_adds": ObjectiveEntry("Multiply-adds", lambda _, cost: float(cost.multiply_adds), ".4s", ".3~s", ",.0f"),
    "minutes": ObjectiveEntry("Minutes", _read_minutes, ".2f", "~g"),
}
VALIDATED = tuple(name for name, entry in OBJECTIVES.items() if entry.is_validated)
