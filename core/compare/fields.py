"""What differs between the specs of the runs that are compared, field by field."""

from __future__ import annotations

from collections.abc import Sequence

from core.compare.snapshot import CONFIGURATION, ComparedRun
from core.compare.units import Unit
from core.spec.fields import SpecField, field_at, label_path, show_value
from core.spec.train import SEED
from core.text.formats import UNKNOWN

_NOTED = "Of the configuration that its tool kept"
FIRST = ("train.learning_rate", "train.optimizer")  # what is most often searched


def find_field(path: str) -> SpecField:
    """The field of a spec, or of a key in another tool's configuration its name alone. Raises KeyError."""
    if not path.startswith(CONFIGURATION):
        return field_at(path)
    name = path.removeprefix(CONFIGURATION)
    return SpecField(path, name, "text", name, _NOTED, None)


def label_field(path: str) -> str:
    return path.removeprefix(CONFIGURATION) if path.startswith(CONFIGURATION) else label_path(path)


def list_fields(units: Sequence[Unit], *, only_differing: bool) -> list[str]:
    """Paths of the specs and keys of other tools' configurations, without those that have no effect in any of the runs.

    With groups, the seed is no difference.
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
    if path in FIRST:
        return FIRST.index(path)
    return len(FIRST) + path.startswith("model.layers[") + 2 * path.startswith(CONFIGURATION)


def _applies(run: ComparedRun, path: str) -> bool:
    """Whether the field has an effect in this run: the momentum of Adam has none."""
    if path not in run.fields:
        return False
    if run.tool:
        return True
    section = path.rpartition(".")[0]
    siblings = {name: run.fields.get(f"{section}.{name}") for name in field_at(path).when}
    return field_at(path).applies(siblings)


def show_field(run: ComparedRun, path: str) -> str:
    """The value as people read it; empty if the field is not there or has no effect."""
    if not _applies(run, path):
        return ""
    return UNKNOWN if run.fields[path] is None else show_value(find_field(path), run.fields[path])


def is_numeric(units: Sequence[Unit], path: str) -> bool:
    """Whether the field is a number: by its kind, or of another tool's key by all values that there are."""
    if not path.startswith(CONFIGURATION):
        return field_at(path).kind in ("int", "float")
    values = [unit.first.fields[path] for unit in units if unit.first.fields.get(path) is not None]
    return bool(values) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def numeric_fields(units: Sequence[Unit]) -> list[str]:
    """Paths that hold a number in every unit and differ between them, to draw as an axis."""
    return [
        path
        for path in list_fields(units, only_differing=True)
        if is_numeric(units, path) and all(path in unit.first.fields for unit in units)
    ]
