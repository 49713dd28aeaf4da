"""What the Studies page reads of a study, read again only where the study has moved on."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from optuna.trial import FrozenTrial

from core.charts.figure import Drawing
from core.studies.charts.axes import StudyView
from core.studies.charts.plots import PlotName, draw_study
from core.studies.importance import Importance, measure_importance
from core.studies.points import Points, gather_points
from core.studies.storage import storage_url
from core.studies.study import Study
from core.studies.trials import name_state

MAX_LOOKS = 8
Stamp = tuple[Any, ...]
Made = TypeVar("Made")


@dataclass
class Look:
    """One state of a study, shared by all visitors; `made` keeps what was computed from it."""

    stamp: Stamp
    study: Study
    trials: list[FrozenTrial]
    points: Points
    made: dict[Any, Any] = field(default_factory=dict)

    @property
    def finished(self) -> int:
        return int(self.points.where("finished").sum())


_looks: OrderedDict[tuple[str, str, float], Look] = OrderedDict()
_lock = threading.Lock()


def look_at(study: Study) -> Look:
    """The study's current state; the same object as before if nothing has changed. Raises StudyError."""
    trials = study.frozen_trials()
    key = (storage_url(), study.name, study.created)
    stamp = _stamp(study, trials)
    with _lock:
        known = _looks.get(key)
    if known and known.stamp == stamp:
        return known
    look = Look(stamp, study, trials, gather_points(study.name, study.spec, trials))
    if known:
        _hand_down(known, look)
    with _lock:
        _looks[key] = look
        _looks.move_to_end(key)
        while len(_looks) > MAX_LOOKS:
            _looks.popitem(last=False)
    return look


def _stamp(study: Study, trials: list[FrozenTrial]) -> Stamp:
    """What changes with every figure: how many trials are over, and how far the others are."""
    over = sum(trial.state.is_finished() for trial in trials)
    open_trials = tuple(
        (trial.number, name_state(study.name, trial, set()), len(trial.intermediate_values))
        for trial in trials
        if not trial.state.is_finished()
    )
    # Extended studies have another spec.
    return len(trials), over, open_trials, hash(study.spec)


def _hand_down(before: Look, after: Look) -> None:
    """What depends on finished trials alone outlives an epoch of those that train."""
    if before.finished == after.finished and before.study.spec == after.study.spec:
        after.made.update({key: value for key, value in before.made.items() if key[0] == "finished"})


def recall(look: Look, key: tuple[Any, ...], make: Callable[[], Made]) -> Made:
    """What was made of this state before, or is made now."""
    if key not in look.made:
        look.made[key] = make()
    made: Made = look.made[key]
    return made


def find_importance(look: Look, objective: int) -> Importance:
    """How much each searched field decides."""
    return recall(look, ("finished", "importance", objective), lambda: measure_importance(look.points, objective))


def tell_words(look: Look) -> list[str]:
    return recall(look, ("finished", "words"), look.study.words)


def draw(look: Look, plot: PlotName, view: StudyView) -> Drawing:
    """A figure of this state, drawn once for each way of looking at it."""
    importance = find_importance(look, view.objective) if plot == "Importance" else Importance()
    # While a trial trains, its bar in the timeline grows; once a trial is enough for it. What the importance leaves out
    # is counted in its note.
    alone = plot not in ("Timeline", "Intermediate Values", "History", "Importance") and not view.pruned
    scope = "finished" if alone else "all"
    if view.ranges:  # nobody knows how many a person will draw
        return draw_study(plot, look.points, view, importance)
    return recall(look, (scope, plot, view), lambda: draw_study(plot, look.points, view, importance))
