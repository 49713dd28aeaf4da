"""Any value of a run by its name: a field of its spec, a key of another tool's configuration, a figure of its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from core.runs.records import RunSummary, Scalar
from core.spec import CHOICE_LABELS
from core.spec.fields import field_at, format_value, show_value

SEED = "train.seed"
_LAYERS = "model.layers["


def read_value(run: RunSummary, path: str) -> Scalar:
    """The run's value at `train.optimizer`, `model.layers[0].channels` or `test/loss`; None if it has none."""
    for key, value in (*run.configuration, *run.results):
        if key == path:
            return value
    if run.tool or run.state == "damaged" or path.startswith(_LAYERS):
        return None
    try:
        default = field_at(path).default
    except KeyError:
        return None
    return format_value(default) if isinstance(default, tuple | list) else default


def show_scalar(path: str, value: Scalar) -> str:
    """The value as people read it; empty if there is none."""
    if value is None:
        return ""
    try:
        return show_value(field_at(path), value)
    except KeyError:
        return CHOICE_LABELS.get(value, format_value(value)) if isinstance(value, str) else format_value(value)


def list_differing(runs: Sequence[RunSummary]) -> list[str]:
    """Paths of which not all these runs have the same value, in the order in which they first occur."""
    paths = dict.fromkeys(path for run in runs for path, _ in run.configuration)
    return [path for path in paths if len({read_value(run, path) for run in runs}) > 1]


def list_results(runs: Sequence[RunSummary]) -> list[str]:
    return list(dict.fromkeys(key for run in runs for key, _ in run.results))


def tell_alike(run: RunSummary) -> tuple[Any, ...]:
    """Equal for runs that differ in their seed at most."""
    return run.tool, run.dataset, run.parameters, tuple(sorted(_without_seed(run), key=str))


def _without_seed(run: RunSummary) -> Iterator[tuple[str, Scalar]]:
    return ((path, value) for path, value in run.configuration if path.rpartition(".")[2] != "seed")
