"""How often a field that decides nothing is ranked first, in studies of few trials: ours against Optuna's measures.

python -m benchmarks.importance
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.importance import (
    BaseImportanceEvaluator,
    FanovaImportanceEvaluator,
    MeanDecreaseImpurityImportanceEvaluator,
    PedAnovaImportanceEvaluator,
    get_param_importances,
)
from optuna.trial import FrozenTrial, create_trial

from core.spec.presets import PRESETS
from core.studies.importance import Importance, rank_fields
from core.studies.spec import parse_study

STUDIES, SIZES, TREES = 40, (4, 8, 12, 20, 40), 16
RATE, DROPOUT, MOMENTUM, OPTIMIZER = "train.learning_rate", "model.dropout", "train.momentum", "train.optimizer"
OPTIMIZERS = ("sgd", "adam", "adamw")
SPACE: Mapping[str, BaseDistribution] = {
    RATE: FloatDistribution(1e-4, 1e-1, log=True),
    DROPOUT: FloatDistribution(0, 0.9),
    MOMENTUM: FloatDistribution(0, 0.9),
    OPTIMIZER: CategoricalDistribution(OPTIMIZERS),
}
Params = dict[str, Any]
Decide = Callable[[Params, float], float]


def _away(params: Params) -> float:
    return math.log10(params[RATE]) + 2


# What a trial comes to, from its fields and a draw of chance; and the fields that decide it.
OBJECTIVES: Mapping[str, tuple[Decide, set[str]]] = {
    "a square and a hundredth": (lambda p, _: p[DROPOUT] ** 2 + 0.01 * p[MOMENTUM], {DROPOUT}),
    "a valley": (lambda p, chance: abs(_away(p)) + 0.05 * chance, {RATE}),
    "a valley in noise": (lambda p, chance: abs(_away(p)) + 0.6 * chance, {RATE}),
    "a cliff": (lambda p, chance: 1e3 * (_away(p) > 0.5) + abs(_away(p)) + 0.05 * chance, {RATE}),
    "a valley and a choice": (
        lambda p, chance: abs(_away(p)) + 2 * (p[OPTIMIZER] == "sgd") + 0.1 * chance,
        {RATE, OPTIMIZER},
    ),
    "a wave": (lambda p, chance: math.sin(10 * p[DROPOUT]) + 0.1 * chance, {DROPOUT}),
    "two fields only together": (
        lambda p, chance: (p[DROPOUT] - 0.45) * (p[MOMENTUM] - 0.45) + 0.01 * chance,
        {DROPOUT, MOMENTUM},
    ),
    "chance alone": (lambda _, chance: chance, set()),
}
SPEC = parse_study(
    {
        "base": PRESETS["first-look"].spec.model_dump(mode="json"),
        "space": [
            {"path": RATE, "low": 1e-4, "high": 1e-1, "log": True},
            {"path": DROPOUT, "low": 0.0, "high": 0.9},
            {"path": MOMENTUM, "low": 0.0, "high": 0.9},
            {"path": OPTIMIZER, "choices": list(OPTIMIZERS)},
        ],
    }
)


def draw_trials(decide: Decide, count: int, seed: int) -> list[FrozenTrial]:
    dice, trials = np.random.default_rng([count, seed]), []
    for _ in range(count):
        params = {
            RATE: float(10 ** dice.uniform(-4, -1)),
            DROPOUT: dice.uniform(0, 0.9),
            MOMENTUM: dice.uniform(0, 0.9),
            OPTIMIZER: OPTIMIZERS[dice.integers(3)],
        }
        value = decide(params, float(dice.normal()))
        trials.append(
            create_trial(params=params, distributions=dict(SPACE), value=value, user_attrs={"worker": {"host": ""}})
        )
    return trials


def first_by_optuna(evaluator: BaseImportanceEvaluator, trials: Sequence[FrozenTrial]) -> str:
    study = optuna.create_study()
    study.add_trials(trials)
    return next(iter(get_param_importances(study, evaluator=evaluator)))


def measure_importance() -> dict[str, Any]:
    """Of 40 studies, how many rank a field first that decides nothing, and how many call one important."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    theirs: dict[str, Callable[[], BaseImportanceEvaluator]] = {
        "PED-ANOVA": PedAnovaImportanceEvaluator,
        "fANOVA": lambda: FanovaImportanceEvaluator(n_trees=TREES, seed=0),
        "mean decrease of impurity": lambda: MeanDecreaseImpurityImportanceEvaluator(n_trees=TREES, seed=0),
    }
    found = []
    for name, (decide, deciding) in OBJECTIVES.items():
        for count in SIZES:
            studies = [draw_trials(decide, count, seed) for seed in range(STUDIES)]
            ours: list[Importance] = [rank_fields(SPEC, trials) for trials in studies]
            row = {
                "objective": name,
                "trials": count,
                "ours": sum(each.fields[0].path not in deciding for each in ours),
                "named_wrongly": sum(bool(set(each.clear) - deciding) for each in ours),
                "named_rightly": sum(bool(set(each.clear) & deciding) for each in ours),
            }
            for label, make in theirs.items():
                row[label] = sum(first_by_optuna(make(), trials) not in deciding for trials in studies)
            found.append(row)
            print(json.dumps(row), flush=True)
    return {"studies": STUDIES, "trees": TREES, "ranked_wrongly": found}


if __name__ == "__main__":
    from benchmarks.machine import keep_result

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of too few trials, which is the point
        keep_result("importance", measure_importance())
