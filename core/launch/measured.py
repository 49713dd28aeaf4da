"""What presets were measured to come to: the figures that `python -m benchmarks.presets` keeps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from core.spec import RunSpec
from core.spec.fields import differing
from core.spec.presets import PRESETS
from core.spec.train import FREE_FIELDS
from core.system import files
from core.system.folders import PROJECT
from core.text.formats import format_percent

RESULTS = PROJECT / "benchmarks" / "results" / "presets.json"  # not part of every installation


@dataclass(frozen=True)
class Reached:
    """Accuracy on the test images, 0 to 1, by the last weights: mean and standard deviation over so many seeds."""

    mean: float
    deviation: float
    seeds: int


def find_reached(spec: RunSpec) -> Reached | None:
    """What the preset came to that this spec is, whatever its seed and device; None if it is none or not measured."""
    names = [name for name, preset in PRESETS.items() if not differing([spec, preset.spec], ignore=FREE_FIELDS)]
    kept = _read_results().get(names[0]) if names else None
    try:
        found = kept["test_accuracy"] if kept else None
        return Reached(found["mean"], found["standard_deviation"], len(found["values"])) if found else None
    except (KeyError, TypeError):
        return None


@cache
def _read_results() -> dict[str, Any]:
    try:
        found = files.find_json(RESULTS) or {}
        return dict(found["presets"])
    except (files.DamagedFileError, KeyError, TypeError, ValueError, OSError):
        return {}


def tell_goal(spec: RunSpec, seconds: float) -> tuple[str, str, str] | None:
    """That a measured preset reaches its accuracy in these seconds of training: the accuracy, the time, and why.

    None for a spec without a goal, or of which nobody has measured that it gets there.
    """
    goal, reached = spec.train.goal_accuracy, find_reached(spec)
    if not goal or reached is None or reached.mean < goal:
        return None
    time = f"in about {max(1, round(seconds / 60))} min on this machine"
    return (
        format_percent(goal, 1),
        time,
        f"Measured: {format_percent(reached.mean)} ± {format_percent(reached.deviation)} of the test images after the "
        f"whole training, over {reached.seeds} seeds.",
    )
