"""Which searched fields matter, and that nothing is claimed of what is not known."""

import math
import warnings
from collections.abc import Callable

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from core.spec.presets import PRESETS
from core.studies.importance import LEAST_SHARE, Importance, rank_fields
from core.studies.spec import StudySpec, parse_study
from core.studies.trials import CONSTRAINT
from tests.core.studies.charts.drawn import WORKER, fill

STUDIES = 40
RATE, DROPOUT, MOMENTUM, OPTIMIZER = "train.learning_rate", "model.dropout", "train.momentum", "train.optimizer"
SPACE = {
    RATE: {"low": 1e-4, "high": 1e-1, "log": True},
    DROPOUT: {"low": 0.0, "high": 0.5},
    MOMENTUM: {"low": 0.0, "high": 0.9},
    OPTIMIZER: {"choices": ["sgd", "adam", "adamw"]},
}
DISTRIBUTIONS: dict[str, BaseDistribution] = {
    RATE: FloatDistribution(1e-4, 1e-1, log=True),
    DROPOUT: FloatDistribution(0, 0.5),
    MOMENTUM: FloatDistribution(0, 0.9),
    OPTIMIZER: CategoricalDistribution(("sgd", "adam", "adamw")),
}


def make_spec(*objectives: str) -> StudySpec:
    base = PRESETS["first-look"].spec.model_dump(mode="json")
    space = [{"path": path, **values} for path, values in SPACE.items()]
    return parse_study({"base": base, "space": space, "objectives": list(objectives or ("val/loss",))})


def make_trial(params: dict, *values: float, state: TrialState = TrialState.COMPLETE, **more) -> FrozenTrial:
    kept = list(values) if state == TrialState.COMPLETE else None
    attributes = {"params": params, "distributions": DISTRIBUTIONS, "user_attrs": {"worker": WORKER}}
    return create_trial(state=state, values=kept, **attributes, **more)


def search(decide: Callable[[dict, np.random.Generator], float], trials: int, seed: int) -> list[FrozenTrial]:
    """Trials at random points, with the values that a function of their fields and of chance gives them."""
    dice = np.random.default_rng([trials, seed])
    found = []
    for _ in range(trials):
        params = {
            RATE: float(10 ** dice.uniform(-4, -1)),
            DROPOUT: dice.uniform(0, 0.5),
            MOMENTUM: dice.uniform(0, 0.9),
            OPTIMIZER: ("sgd", "adam", "adamw")[dice.integers(3)],
        }
        found.append(make_trial(params, decide(params, dice)))
    return found


def by_rate(params: dict, dice: np.random.Generator) -> float:
    """Best at a learning rate of 0.01; one that is too high blows up."""
    away = math.log10(params[RATE]) + 2
    return abs(away) + 0.05 * dice.normal() + (1e3 if away > 0.8 else 0)


def by_dropout(params: dict, dice: np.random.Generator) -> float:
    return (2 * params[DROPOUT]) ** 2 + 0.01 * params[MOMENTUM]


def by_chance(params: dict, dice: np.random.Generator) -> float:
    return float(dice.normal())


def rank_by_optuna(trials: list[FrozenTrial]) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return next(iter(optuna.importance.get_param_importances(fill(make_spec(), trials))))


@pytest.mark.parametrize(("decide", "path", "most"), [(by_rate, RATE, 8), (by_dropout, DROPOUT, 1)])
def test_the_field_that_decides_is_first_in_small_studies_where_optunas_measure_ranks_chance_first(
    decide: Callable, path: str, most: int
) -> None:
    missed, theirs = {}, {}
    for trials in (8, 12, 20):
        found = [search(decide, trials, seed) for seed in range(STUDIES)]
        missed[trials] = sum(rank_fields(make_spec(), each).fields[0].path != path for each in found)
        if trials == 8:
            theirs[trials] = sum(rank_by_optuna(each) != path for each in found)
    assert missed[8] <= most < theirs[8] / 2, (missed, theirs)
    assert missed[12] <= 1
    assert missed[20] == 0


def test_with_four_trials_a_field_that_rises_is_mostly_first_and_nothing_is_called_clear() -> None:
    found = [rank_fields(make_spec(), search(by_dropout, 4, seed)) for seed in range(STUDIES)]
    assert sum(each.fields[0].path != DROPOUT for each in found) <= 3
    assert not any(each.clear for each in found)


@pytest.mark.parametrize("trials", [10, 20, 40])
def test_words_follow_the_interval_and_chance_alone_is_seldom_called_important(trials: int) -> None:
    chance = [rank_fields(make_spec(), search(by_chance, trials, seed)) for seed in range(STUDIES)]
    assert sum(bool(each.clear) for each in chance) <= STUDIES // 10
    decided = [rank_fields(make_spec(), search(by_dropout, trials, seed)) for seed in range(STUDIES)]
    assert sum(each.clear[:1] == [DROPOUT] for each in decided) >= 0.9 * STUDIES
    for each in (*chance, *decided):
        assert all(field.low >= LEAST_SHARE for field in each.fields if field.is_clear)
        assert all(0 <= field.low <= field.high <= 1 and 0 <= field.share <= 1 for field in each.fields)
        assert sum(field.share for field in each.fields if field.is_clear) <= 1


def test_a_field_that_only_shows_beside_a_stronger_one_is_found_and_one_that_hardly_matters_is_not_named() -> None:
    def by_two(params: dict, dice: np.random.Generator) -> float:
        return 3 * (params[OPTIMIZER] == "sgd") + abs(math.log10(params[RATE]) + 2) + 0.05 * dice.normal()

    importance = rank_fields(make_spec(), search(by_two, 40, 0))
    assert importance.clear == [OPTIMIZER, RATE]
    assert rank_fields(make_spec(), search(by_dropout, 40, 0)).clear == [DROPOUT], "a hundredth of it is momentum's"


def test_the_share_is_the_adjusted_r_squared_of_a_least_squares_fit() -> None:
    trials = search(by_dropout, 40, 0)
    ranks = {path: np.argsort(np.argsort([trial.params[path] for trial in trials])) for path in (DROPOUT,)}
    target = np.argsort(np.argsort([trial.value for trial in trials]))
    best = 0.0
    for degree in range(1, 5):
        fitted = np.polynomial.Polynomial.fit(ranks[DROPOUT], target, degree)(ranks[DROPOUT])
        plain = 1 - ((target - fitted) ** 2).sum() / ((target - target.mean()) ** 2).sum()
        best = max(best, 1 - (1 - plain) * 39 / (39 - degree))
    assert rank_fields(make_spec(), trials).share_of(DROPOUT) == pytest.approx(best, abs=1e-9)


def test_nothing_is_known_of_equal_values_nor_of_one_feasible_trial() -> None:
    equal = rank_fields(make_spec(), [make_trial(trial.params, 0.5) for trial in search(by_chance, 12, 0)])
    assert equal == Importance(trials=12, reason=equal.reason)
    assert "All 12 finished trials have the same value" in equal.reason
    over = [make_trial(trial.params, math.inf, constraints={CONSTRAINT: 1.0}) for trial in search(by_chance, 11, 1)]
    lonely = rank_fields(make_spec(), [*over, *search(by_chance, 1, 2)])
    assert (lonely.fields, lonely.trials) == ((), 1)
    assert "after 4 finished trials; there are 1" in lonely.reason


def test_infeasible_failed_and_pruned_trials_change_nothing() -> None:
    trials = search(by_rate, 20, 0)
    others = [trial.params for trial in search(by_rate, 9, 1)]
    left_out = [
        *(make_trial(params, math.inf, constraints={CONSTRAINT: 1.0}) for params in others[:3]),
        *(make_trial(params, state=TrialState.FAIL) for params in others[3:6]),
        *(make_trial(params, state=TrialState.PRUNED, intermediate_values={1: 9.0}) for params in others[6:]),
    ]
    assert rank_fields(make_spec(), [*trials, *left_out]) == rank_fields(make_spec(), trials)


def test_a_field_matters_for_a_high_accuracy_as_for_a_low_loss_and_for_each_objective_by_itself() -> None:
    losses = search(by_rate, 30, 0)
    accuracies = [make_trial(trial.params, -trial.values[0], trial.params[DROPOUT]) for trial in losses]
    spec = make_spec("val/accuracy", "parameters")
    raised, lowered = rank_fields(spec, accuracies), rank_fields(make_spec(), losses)
    assert raised.fields[0].path == RATE
    assert raised.share_of(RATE) == pytest.approx(lowered.share_of(RATE))
    assert rank_fields(spec, accuracies, 1).fields[0].path == DROPOUT


def test_a_field_that_is_the_same_in_all_trials_explains_nothing() -> None:
    trials = search(by_dropout, 12, 0)
    alike = [make_trial(trial.params | {MOMENTUM: 0.5}, trial.values[0]) for trial in trials]
    found = {field.path: field for field in rank_fields(make_spec(), alike).fields}
    assert found[MOMENTUM].share == 0
    assert found[DROPOUT].share > 0.5
