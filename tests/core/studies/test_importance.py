"""Which searched fields matter."""

import math
import random

import optuna

from core.spec.presets import PRESETS
from core.studies.importance import rank_fields
from core.studies.space import Dimension
from core.studies.spec import parse_study
from tests.core.studies.charts.drawn import fill, make_spec, make_trial


def test_with_several_objectives_a_field_matters_for_the_highest_accuracy_not_the_lowest() -> None:
    space = (
        Dimension(path="train.learning_rate", low=1e-4, high=1e-1),
        Dimension(path="model.dropout", low=0, high=0.9),
    )
    spec = parse_study(
        {
            "base": PRESETS["first-look"].spec.model_dump(mode="json"),
            "space": [dimension.model_dump(mode="json") for dimension in space],
            "objectives": ["val/accuracy", "parameters"],
            "pruner": "none",
        }
    )
    study = optuna.create_study(directions=["maximize", "minimize"])
    distributions = {
        "train.learning_rate": optuna.distributions.FloatDistribution(1e-4, 1e-1),
        "model.dropout": optuna.distributions.FloatDistribution(0, 0.9),
    }
    draw = random.Random(0)
    for _ in range(300):
        rate, dropout = draw.uniform(1e-4, 1e-1), draw.uniform(0, 0.9)
        # The best need a rate near 0.05, whatever the dropout; the worst are those of the highest dropout.
        accuracy = 0.9 - abs(rate - 0.05) if dropout < 0.8 else 0.1 - dropout / 10
        values = {"train.learning_rate": rate, "model.dropout": dropout}
        study.add_trial(optuna.trial.create_trial(params=values, distributions=distributions, values=[accuracy, 1.0]))
    assert next(iter(rank_fields(spec, study))) == "train.learning_rate"


def test_importance_is_optunas_own_also_where_accuracy_is_raised() -> None:
    trials = [make_trial(i, [1 / (1 + abs(math.log10(3e-3 / (1e-4 * 10 ** (3 * (i * 0.37 % 1))))))]) for i in range(40)]
    spec = make_spec("val/accuracy")
    study = fill(spec, trials)
    assert rank_fields(spec, study) == optuna.importance.get_param_importances(study)
    both = make_spec("val/accuracy", "parameters")
    pairs = [make_trial(i, [trial.value or 0, 1e6]) for i, trial in enumerate(trials)]
    several = rank_fields(both, fill(both, pairs), 0)
    assert max(several, key=lambda path: several[path]) == "train.learning_rate"
