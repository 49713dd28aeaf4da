"""A study's settings as Optuna's samplers: what they propose."""

from typing import Any

import optuna
import pytest

from core.studies.runs import measure_network, worst_values
from core.studies.samplers import grid_of, make_sampler, population_size, suggest_values
from core.studies.spec import propose
from core.studies.trials import CONSTRAINT
from tests.core.study_workers import LEARNING_RATE, tiny_study

SAMPLERS = ["tpe", "hyperopt", "gp", "cmaes", "random", "grid", "qmc", "nsga2"]


def sampled(name: str, worker: int = 0, trials: int = 0, count: int = 14) -> list[dict[str, Any]]:
    """What a sampler proposes, told of values and of networks over budget."""
    grid = {"path": "model.dropout", "low": 0.0, "high": 0.4, "step": 0.1}
    channels = {"path": "model.layers[*].channels", "low": 2, "high": 16, "step": 2}
    space = (
        (grid, channels)
        if name in ("grid", "cmaes")
        else (LEARNING_RATE, channels, {"path": "train.optimizer", "choices": ["sgd", "adam"]})
    )
    spec = tiny_study(*space, sampler=name, trials=20, budget=2500)
    study = optuna.create_study(sampler=make_sampler(spec, worker, trials))
    proposals = []
    for _ in range(count):
        trial = study.ask()
        values = suggest_values(trial, spec)
        assert propose(spec, values)
        proposals.append(values)
        parameters = 200 * int(values["model.layers[*].channels"])
        measure = measure_network(spec, parameters)
        trial.set_constraint(CONSTRAINT, measure)
        study.tell(trial, worst_values(spec)[0] if measure > 0 else float(parameters))
    return proposals


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.filterwarnings("ignore")
def test_every_sampler_searches_and_can_be_told_of_networks_over_budget(name: str) -> None:
    proposals = sampled(name)
    assert len({tuple(values.values()) for values in proposals}) > 5
    if name != "gp":  # whose fit is not the same to the last bit
        assert sampled(name) == proposals, "the same seed draws the same trials"


@pytest.mark.parametrize("name", ["tpe", "random", "nsga2"])
def test_other_workers_and_later_sittings_draw_other_trials(name: str) -> None:
    first = sampled(name, count=3)
    assert sampled(name, worker=1, count=3) != first
    assert sampled(name, trials=3, count=3) != first


def test_a_grid_is_walked_through_without_a_repetition() -> None:
    proposals = sampled("grid", count=39)  # of 5 x 8; Optuna ends its own loop at the last
    assert len({tuple(values.values()) for values in proposals}) == 39
    spec = tiny_study({"path": "model.dropout", "low": 0.0, "high": 0.3, "step": 0.1}, sampler="grid")
    assert grid_of(spec) == {"model.dropout": [0.0, 0.1, 0.2, 0.3]}


def test_a_small_study_has_generations_that_fit_it() -> None:
    assert population_size(tiny_study(trials=20)) == 4
    assert population_size(tiny_study(trials=1000)) == 50


@pytest.mark.filterwarnings("ignore")
def test_the_sampler_named_after_hyperopt_has_its_parameters() -> None:
    sampler = make_sampler(tiny_study(sampler="hyperopt"))
    told = optuna.samplers.TPESampler.hyperopt_parameters()
    assert sampler._n_startup_trials == told["n_startup_trials"] == 20
    assert sampler._n_ei_candidates == told["n_ei_candidates"]
    assert not sampler._multivariate
