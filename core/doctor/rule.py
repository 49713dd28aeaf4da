"""What a rule is, and what it finds: evidence in numbers, marks on the curves, and changes that may mend it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.compare.lines import Mark
from core.doctor.observed import Observed
from core.spec import RunSpec
from core.spec.fields import field_at, label_path, show_value
from core.spec.parse import SpecError
from core.spec.settings import set_values


@dataclass(frozen=True)
class Fix:
    """Other values for some fields of the spec, by their paths."""

    values: Mapping[str, Any]

    @property
    def label(self) -> str:
        """Learning rate 0.0003, weight decay 0.0005."""
        named = [f"{label_path(path)} {show_value(field_at(path), value)}" for path, value in self.values.items()]
        return ", ".join(named[:1] + [text[0].lower() + text[1:] for text in named[1:]])

    def apply(self, spec: RunSpec) -> RunSpec | None:
        """The spec with this change; None if it changes nothing, or is no spec that can run."""
        try:
            changed = set_values(spec, self.values)
        except SpecError:
            return None
        return None if changed == spec else changed


@dataclass(frozen=True)
class Found:
    """What a rule saw: a sentence with its numbers, where on the curves, and what may mend it, the best first.

    `images` says that single validation images are meant, which Examine shows.
    """

    evidence: str
    marks: tuple[Mark, ...] = ()
    fixes: tuple[Fix, ...] = ()
    images: bool = False


END = -1


@dataclass(frozen=True)
class Rule:
    """One illness. `look` sees it or not; `lacks` says what is missing for a look, or "".

    `needs` is what it reads, `fires` when it names the illness, `within` after how many epochs at most; all three are
    for docs/DOCTOR.md. More epochs do not mend what is `fatal`.
    """

    name: str
    title: str
    why: str
    source: str
    needs: str
    fires: str
    within: int  # or END: the end of the run
    look: Callable[[Observed], Found | None]
    lacks: Callable[[Observed], str] = lambda observed: ""
    fatal: bool = False
