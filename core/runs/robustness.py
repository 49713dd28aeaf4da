"""How a run's weights answer spoiled images: measured once, and kept in its folder."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, create_model

from core.runs import layout, shapes
from core.runs.records import Count, RobustnessEntry
from core.system import files
from core.system.locks import hold

MAX_KEPT = 20  # sets of weights

_COUNTS = Annotated[list[Count], Field(min_length=1, max_length=20)]
_ENTRY = shapes.model_of(
    RobustnessEntry,
    {"sha256", "which", "version", "seed", "images", "clean", "right"},
    nullable=False,
    right=Annotated[dict[Annotated[str, Field(max_length=40)], _COUNTS], Field(max_length=40)],
)
RECORD = create_model(
    "Robustness",
    __config__=ConfigDict(strict=True),
    measured=(Annotated[list[_ENTRY], Field(max_length=MAX_KEPT)], ...),  # type: ignore[valid-type,arg-type]
)


@dataclass(frozen=True)
class Robustness:
    """Of one set of weights: how many of `images` are right, as they are (`clean`) and by kind at each strength.

    `version` is that of the corruptions. The weights are known by their checkpoint's hash.
    """

    sha256: str
    which: str
    version: int
    seed: int
    images: int
    clean: int
    right: dict[str, list[int]]

    @property
    def accuracy(self) -> float:
        """Of the images as they are, 0 to 1."""
        return self.clean / self.images

    def accuracies(self, kind: str) -> list[float]:
        """At no corruption, then at each strength: 0 to 1."""
        return [self.accuracy, *(count / self.images for count in self.right[kind])]

    def mean(self, kind: str = "") -> float:
        """Mean accuracy over the strengths of one kind, or over all kinds: 0 to 1."""
        kinds = [kind] if kind else list(self.right)
        counts = [count for each in kinds for count in self.right[each]]
        return sum(counts) / len(counts) / self.images


def read_measured(folder: Path) -> list[Robustness]:
    """What was measured of a run, the newest last; nothing of a file that cannot be read."""
    found = files.find_note(folder / layout.ROBUSTNESS)
    if found is None or shapes.find_fault(RECORD, found):
        return []
    names = Robustness.__dataclass_fields__
    entries = [Robustness(**{name: entry[name] for name in names}) for entry in found["measured"]]
    return [entry for entry in entries if _is_sound(entry)]


def _is_sound(entry: Robustness) -> bool:
    counts = [entry.clean, *(count for each in entry.right.values() for count in each)]
    return entry.images > 0 and bool(entry.right) and max(counts) <= entry.images


def keep_measured(folder: Path, entry: Robustness) -> None:
    """In place of what was measured of the same weights. Raises OSError, RunsFolderError."""
    path = folder / layout.ROBUSTNESS
    with hold(path.with_suffix(".lock"), 5):
        others = [each for each in read_measured(folder) if (each.sha256, each.which) != (entry.sha256, entry.which)]
        files.write_json(path, {"measured": [asdict(each) for each in [*others, entry][-MAX_KEPT:]]})
