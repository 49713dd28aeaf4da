"""Which of several trainings will hardly be the best of them: what stopping those saves, and the chance of a mistake.

Each training's end is its expected end moved by what past trainings were off by, each of these as likely as any other,
and independent of the other trainings: those of one recipe are in truth off together, so that their order is known a
little better than is told here. The chances are exact for such ends, and not sampled. And one in n + 1 trainings goes
beyond all that n others did: each that is stopped might have been that one, and the best. Without this the chances are
told too high, as replayed trainings show (docs/FORECAST.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from core.compare.snapshot import ComparedRun
from core.forecast.extrapolate import FloatArray
from core.forecast.forecast import ACCURACY, foresee_ends
from core.forecast.peers import is_same_task, list_finished
from core.runs.folder import Run
from core.system.folders import runs_folder

SURE = 0.9  # that the best is among those kept
LEAST_SECONDS = 30.0  # less is not worth a word
MOST_RUNS = 40


@dataclass(frozen=True)
class Contender:
    """One training: the accuracies that it may end with, (values,), each as likely as the others; an ended one has one.

    `seconds_left` is what stopping it saves; None if it cannot be stopped.
    """

    id: str
    ends: FloatArray
    seconds_left: float | None = None


@dataclass(frozen=True)
class Suggestion:
    """Which of the contenders to stop, the least likely first; the rest is kept.

    `seconds` of training are saved, and with `chance` the best of all at their ends is one of those kept. `unknown` are
    trainings too young to tell, which are kept too.
    """

    stop: tuple[str, ...]
    kept: tuple[str, ...]
    seconds: float
    chance: float
    unknown: tuple[str, ...] = ()


def suggest(contenders: Sequence[Contender], sure: float = SURE) -> Suggestion | None:
    """Stops as many as it can, the least likely best first, while the best is among the rest with a chance of `sure`.

    None if that is none of them, or would save less than `LEAST_SECONDS`.
    """
    if len(contenders) < 2:
        return None
    below = _rise(contenders)
    chances = [_chance_among(below, np.arange(len(contenders)) == index) for index in range(len(contenders))]
    order = [index for index in np.argsort(chances, kind="stable") if contenders[index].seconds_left is not None]
    kept = np.ones(len(contenders), bool)
    stopped, chance, as_seen = [], 1.0, 1.0
    for index in order:
        kept[index] = False
        as_seen *= 1 - 1 / (len(contenders[index].ends) + 1)
        found = as_seen * _chance_among(below, kept) if kept.any() else 0.0
        if found < sure:
            kept[index] = True
            break
        stopped.append(index)
        chance = found
    seconds = sum(contenders[index].seconds_left or 0.0 for index in stopped)
    if seconds < LEAST_SECONDS:
        return None
    left = tuple(each.id for each, is_kept in zip(contenders, kept, strict=True) if is_kept)
    return Suggestion(tuple(contenders[index].id for index in stopped), left, seconds, chance)


def chance_among(kept: Sequence[FloatArray], others: Sequence[FloatArray]) -> float:
    """How likely the highest end of all is one of the kept, with which a tie counts; at least one is kept.

    Each end is drawn evenly from its values, (values,), independently of the others.
    """
    contenders = [Contender("", ends) for ends in (*kept, *others)]
    return _chance_among(_rise(contenders), np.arange(len(contenders)) < len(kept))


def _rise(contenders: Sequence[Contender]) -> FloatArray:
    """How likely each ends no higher than each value that any of them may end at, (contenders, values)."""
    values = np.unique(np.concatenate([each.ends for each in contenders]))
    return np.stack([np.searchsorted(np.sort(each.ends), values, "right") / len(each.ends) for each in contenders])


def _chance_among(below: FloatArray, kept: npt.NDArray[np.bool_]) -> float:
    """The highest of the kept is at each value with some chance; then all others must be no higher."""
    highest = np.diff(below[kept].prod(0), prepend=0.0)
    return float(highest @ below[~kept].prod(0))


def suggest_stops(runs: Sequence[ComparedRun]) -> list[Suggestion]:
    """For each task of which at least two of the runs contend, what to stop now, if anything.

    Running ones contend, and finished ones as what they came to; of trials a study decides. Raises LabError, OSError.
    """
    usable = [run for run in runs if not run.tool and not run.damage and _contends(run)][:MOST_RUNS]
    tasks: list[list[ComparedRun]] = []
    for run in usable:
        task = next((each for each in tasks if is_same_task(each[0].spec, run.spec)), None)
        if task is None:
            tasks.append(task := [])
        task.append(run)
    found = [_suggest_of(tuple(task)) for task in tasks if any(run.state == "running" for run in task)]
    return [each for each in found if each]


def _contends(run: ComparedRun) -> bool:
    """Whether it may still be the best: not if somebody stopped it, or asked it to stop."""
    if run.state == "finished":
        return bool(run.rows)
    if not run.is_active:
        return False
    folder = Run(runs_folder() / run.id)
    return not folder.stop_requested and not any(tag.startswith("study:") for tag in folder.about.tags)


@lru_cache(maxsize=16)  # each holds on to its runs
def _suggest_of(runs: tuple[ComparedRun, ...]) -> Suggestion | None:
    """Of runs of one task as they were at one look."""
    contenders, unknown = [], []
    past = list_finished(next(run for run in runs if run.state != "finished"))
    for run in runs:
        if run.state == "finished":
            last = run.column(ACCURACY)[-1:]
            contenders += [Contender(run.id, last)] if np.isfinite(last).all() else []
        elif (ends := foresee_ends(run, past)) is None:
            # Of one without validation images nothing will ever be known.
            unknown += [] if run.rows and np.isnan(run.column(ACCURACY)).all() else [run.id]
        else:
            contenders.append(Contender(run.id, ends, _count_seconds_left(run)))
    found = suggest(contenders)
    return None if found is None else Suggestion(found.stop, found.kept, found.seconds, found.chance, tuple(unknown))


def _count_seconds_left(run: ComparedRun) -> float:
    """At the pace of its epochs so far."""
    pace = np.diff(run.column("seconds"))
    pace = pace[np.isfinite(pace)]
    return float(np.median(pace)) * (run.spec.train.passes - len(run.rows)) if len(pace) else 0.0
