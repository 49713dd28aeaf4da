"""Any value of a run by its name: a field of its spec, a key of another tool's configuration, a figure of its end."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any

from core.runs.foreign import match_keys
from core.runs.records import RunSummary, Scalar
from core.spec import CHOICE_LABELS
from core.spec.fields import LAYERS, default_at, field_at, format_value, show_value
from core.spec.train import SEED, WITHOUT_EFFECT
from core.system.memo import keep_last

_LAYER = re.compile(r"model\.layers\[([0-9]+)\]")


def read_value(run: RunSummary, path: str) -> Scalar:
    """The run's value at `train.optimizer`, `model.layers[0].channels` or `test/loss`; None if it has none."""
    for key, value in (*run.configuration, *run.results):
        if key == path:
            return value
    layer = _LAYER.match(path)
    if run.tool or run.state == "damaged" or (layer and int(layer[1]) >= int(str(read_value(run, LAYERS) or 0))):
        return None
    return _default_of(path)


def spread_layers(run: RunSummary, paths: Iterable[str]) -> Iterator[str]:
    """The paths, with `layers[].channels` as that of each of the run's block layers."""
    for path in paths:
        if path.startswith("layers[]."):
            count = int(str(read_value(run, LAYERS) or 0))
            yield from (f"{LAYERS}[{index}]{path.removeprefix('layers[]')}" for index in range(count))
        else:
            yield path


@cache
def _default_of(path: str) -> Scalar:
    try:
        default = default_at(path)
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


@keep_last
def list_differing(runs: Sequence[RunSummary]) -> list[str]:
    """Paths of which not all these runs have the same value, in the order in which they first occur."""
    known = [run for run in runs if run.state != "damaged"]
    found: dict[str, Counter[Scalar]] = {}
    for path, value in chain.from_iterable(run.configuration for run in known):
        found.setdefault(path, Counter())[value] += 1
    # Runs without an entry have the default, or of another tool's keys and of layers nothing.
    return [
        path
        for path, values in found.items()
        if path != LAYERS and (len(values) > 1 or (values.total() < len(known) and _default_of(path) not in values))
    ]


@keep_last
def list_results(runs: Sequence[RunSummary]) -> list[str]:
    return list(dict.fromkeys(key for run in runs for key, _ in run.results))


def tell_alike(run: RunSummary) -> tuple[Any, ...]:
    """Equal for runs that differ in their seed at most, or in what has no effect.

    Another tool's run is alike to none unless it tells its seed: nobody knows whether two are one recipe. Nor is a
    branch, as it shares epochs with others.
    """
    seeds = {SEED, match_keys(dict(run.configuration)).get(SEED, SEED)} if run.tool else {SEED}
    kept = [(path, value) for path, value in run.configuration if path not in seeds | WITHOUT_EFFECT]
    told = not run.parent and (not run.tool or len(kept) < len(run.configuration))
    return run.tool, run.dataset, "" if told else run.id, tuple(sorted(kept, key=str))
