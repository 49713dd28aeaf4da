"""What differs between the specs of the runs that are compared, field by field."""

from __future__ import annotations

from collections.abc import Sequence

from core.compare.snapshot import SEED, ComparedRun
from core.compare.units import Unit
from core.spec.fields import field_at, show_value

FIRST = ("train.learning_rate", "train.optimizer")  # what is most often searched


def list_fields(units: Sequence[Unit], *, only_differing: bool) -> list[str]:
    """Paths of the specs, without those that have no effect in any of the runs. With groups, the seed is no difference.

    Learning rate and optimizer come first, layer by layer comes last, all others in the order of the form.
    """
    runs = [unit.first for unit in units]
    ignored = {SEED} if any(unit.is_group for unit in units) else set()
    paths = sorted({path: None for run in runs for path in run.fields if path not in ignored}, key=_rank)
    return [
        path
        for path in paths
        if (not only_differing or len({run.fields.get(path) for run in runs}) > 1)
        and any(_applies(run, path) for run in runs)
    ]


def _rank(path: str) -> int:
    return FIRST.index(path) if path in FIRST else len(FIRST) + path.startswith("model.layers[")


def _applies(run: ComparedRun, path: str) -> bool:
    """Whether the field has an effect in this run: the momentum of Adam has none."""
    if path not in run.fields:
        return False
    section = path.rpartition(".")[0]
    siblings = {name: run.fields.get(f"{section}.{name}") for name in field_at(path).when}
    return field_at(path).applies(siblings)


def show_field(run: ComparedRun, path: str) -> str:
    """The value as people read it; empty if the field is not there or has no effect."""
    if not _applies(run, path):
        return ""
    return show_value(field_at(path), run.fields[path])


def numeric_fields(units: Sequence[Unit]) -> list[str]:
    """Paths that hold a number in every unit and differ between them, to draw as an axis."""
    kinds = ("int", "float")
    return [
        path
        for path in list_fields(units, only_differing=True)
        if field_at(path).kind in kinds and all(path in unit.first.fields for unit in units)
    ]
