"""Optuna's figures of a study, by Optuna's names, drawn lean enough to be renewed while the study runs.

`optuna.visualization` draws the same for a notebook: with 1,000 trials its figures take 0.2 to 7 seconds and up to
22 MB each, show parameters as JSON, and know no trial to click. What is hard in them, the importance of the fields, is
computed by Optuna here as well. Colours of text, grid and ground are the page's.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Literal

import optuna
from optuna.trial import FrozenTrial

from core import study_field_charts as by_field
from core import study_time_charts as by_time
from core.compare_charts import Drawing, to_json
from core.study_axes import LAYOUT, Drawn, StudyView
from core.study_points import Points
from core.study_spec import StudySpec

__all__ = ["PLOTS", "Drawing", "PlotName", "StudyView", "draw_study", "rank_fields"]

PlotName = Literal[
    "History",
    "Importance",
    "Slice",
    "Contour",
    "Parallel Coordinate",
    "Rank",
    "Timeline",
    "Intermediate Values",
    "Pareto Front",
]


def draw_study(plot: PlotName, points: Points, view: StudyView, importance: dict[str, float]) -> Drawing:
    """One of the figures; `importance` is what `rank_fields` gave. A figure without data has a note that says why."""
    traces, layout, notes = _DRAW[plot](points, view, importance)
    return Drawing(to_json(traces, {**LAYOUT, "uirevision": plot, "title": {"text": plot}, **layout}), plot, notes)


def rank_fields(study: optuna.Study, spec: StudySpec, objective: int = 0) -> dict[str, float]:
    """How much each field decides whether a trial is among the best tenth, summing to 1: PED-ANOVA (Watanabe 2023).

    Empty with fewer than four finished trials, which tell nothing.
    """
    if sum(1 for _ in _finished(study)) < 4:
        return {}
    sign = -1 if study.directions[objective] == optuna.study.StudyDirection.MAXIMIZE else 1

    def target(trial: FrozenTrial) -> float:
        return sign * float(trial.values[objective])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of too few trials: the page says how many there are
        several = len(spec.objectives) > 1
        return dict(optuna.importance.get_param_importances(study, target=target if several else None))


def _finished(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))


_DRAW: dict[PlotName, Callable[[Points, StudyView, dict[str, float]], Drawn]] = {
    "History": by_time.draw_history,
    "Importance": by_field.draw_importance,
    "Slice": by_field.draw_slice,
    "Contour": by_field.draw_contour,
    "Parallel Coordinate": by_field.draw_parallel,
    "Rank": by_field.draw_rank,
    "Timeline": by_time.draw_timeline,
    "Intermediate Values": by_time.draw_intermediate,
    "Pareto Front": by_field.draw_pareto,
}
PLOTS: tuple[PlotName, ...] = tuple(_DRAW)
