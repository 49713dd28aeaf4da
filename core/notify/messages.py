"""What is told: a run or a study, its state, its figures with the images they were measured on, and a link."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from core.text.formats import format_number, format_percent, format_seconds
from core.text.safe import plain
from core.text.words import count_of

MAX_LINE = 300


@dataclass(frozen=True)
class FigureKind:
    """A figure that one can name to be told when a run beats it."""

    label: str
    split: str
    is_share: bool
    is_maximized: bool

    def beats(self, value: float, threshold: float) -> bool:
        return value > threshold if self.is_maximized else value < threshold

    def show(self, value: float) -> str:
        return format_percent(value) if self.is_share else format_number(value)


# By their columns in a run's metrics and results.
FIGURES: Mapping[str, FigureKind] = {
    "val/accuracy": FigureKind("Validation accuracy", "validation", True, True),
    "val/loss": FigureKind("Validation loss", "validation", False, False),
    "test/accuracy": FigureKind("Test accuracy, last weights", "test", True, True),
}


@dataclass(frozen=True)
class Figure:
    """One figure: how people read it, its value, and what it was measured on."""

    label: str
    text: str
    value: float | None = None
    split: str = ""
    images: int | None = None

    @property
    def line(self) -> str:
        images = f" ({count_of(self.images, f'{self.split} image')})" if self.images else ""
        return f"{self.label}: {self.text}{images}"


@dataclass(frozen=True)
class Message:
    """One thing to tell. `path` leads to its page of the lab, `seconds` is what it took."""

    event: str
    subject: str  # run, study or test
    name: str
    title: str
    id: str = ""
    state: str = ""
    reason: str = ""
    figures: tuple[Figure, ...] = ()
    seconds: float | None = None
    path: str = ""
    time: float = field(default_factory=time.time)

    @property
    def lines(self) -> list[str]:
        """What a person reads below the title."""
        took = f"Time: {format_seconds(self.seconds)}" if self.seconds else ""
        lines = [*self.reason.splitlines(), *(figure.line for figure in self.figures), took]
        return [plain(line)[:MAX_LINE] for line in lines if line]

    def link(self, lab_address: str) -> str:
        """Its page, where people can reach the lab; else nothing."""
        return f"{lab_address}/{self.path}" if lab_address and self.path else ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Message:
        """As `to_json` gave it."""
        figures = tuple(Figure(**figure) for figure in value.get("figures", ()))
        return cls(**{**value, "figures": figures})


def shorten_name(name: str) -> str:
    """A name as part of a title: one line, without what could control or reverse it."""
    return plain(name)[:80]


def make_test() -> Message:
    """What the button that tries it sends."""
    return Message("test", "test", "", "ResNet Lab: a test", reason="Notifications arrive here.")


def finite(value: Any) -> float | None:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if usable else None
