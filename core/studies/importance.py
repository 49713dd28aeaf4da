"""How much each searched field decides, by Optuna's own measure."""

from __future__ import annotations

import math
import warnings

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from core.studies.objectives import OBJECTIVES
from core.studies.spec import StudySpec

MIN_TRIALS = 4  # fewer say nothing


def main_objective(spec: StudySpec) -> int:
    """The index of the first objective that is validated."""
    return next(index for index, name in enumerate(spec.objectives) if OBJECTIVES[name].is_validated)


def rank_fields(
    spec: StudySpec, study: optuna.Study, objective: int | None = None, quantile: float = 0.1
) -> dict[str, float]:
    """Share of each searched field in whether a trial is among the best, summing to 1, the largest first.

    PED-ANOVA (Watanabe et al. 2023), Optuna's default, which calls the best tenth good. Empty if nothing is known:
    fewer than four finished trials, or all alike. Without an objective it is the first that is validated.
    """
    if len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))) < MIN_TRIALS:
        return {}
    index = main_objective(spec) if objective is None else objective
    # With a target of one's own the lowest values are the good ones, whichever way the objective goes.
    sign = -1 if study.directions[index] == StudyDirection.MAXIMIZE else 1

    def target(trial: FrozenTrial) -> float:
        return sign * float(trial.values[index])

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of too few trials: the page says how many there are
            found: dict[str, float] = get_param_importances(
                study,
                evaluator=PedAnovaImportanceEvaluator(target_quantile=quantile),
                target=target if len(spec.objectives) > 1 else None,
            )
    except (ValueError, RuntimeError):
        return {}
    return {path: share for path, share in found.items() if math.isfinite(share)}
