"""What a study says it learnt, and the narrower study that follows."""

import math
from pathlib import Path

import optuna
import pytest

from core.studies.manage import create_study
from core.studies.samplers import suggest_values
from core.studies.storage import StudyError
from core.studies.study import Study
from core.studies.trials import CONSTRAINT
from tests.core.studies.made_studies import add, make
from tests.core.study_workers import LEARNING_RATE, tiny_study


def searched_study(trials: int = 30) -> Study:
    """A study whose loss depends on the learning rate, best near 0.01, and on nothing else."""
    space = [
        LEARNING_RATE,
        {"path": "model.layers[*].channels", "low": 2, "high": 16, "step": 2},
        {"path": "train.optimizer", "choices": ["sgd", "adam"]},
        {"path": "model.layers", "low": 1, "high": 3},
    ]
    study = make(tiny_study(*space, trials=trials, sampler="random"))
    sampler = optuna.samplers.RandomSampler(seed=3)
    drawn = optuna.create_study(sampler=sampler)
    for _ in range(trials):
        params = suggest_values(drawn.ask(), study.spec)
        rate = float(params["train.learning_rate"])
        add(study, value=abs(math.log10(rate) + 2) + 2 * (params["train.optimizer"] == "sgd"), params=params)
    add(study, value=math.inf, constraints={CONSTRAINT: 1.0}, params=params)
    return study


def test_the_words_name_what_mattered_and_where_the_best_trials_lie(lab: Path) -> None:
    study = searched_study()
    first, second = study.words()
    assert first in (
        "What mattered most for the validation loss: learning rate and optimizer.",
        "What mattered most for the validation loss: optimizer and learning rate.",
    )
    assert second.startswith("The best 6 of 30 trials have ")
    assert "optimizer Adam" in second
    assert "learning rate 0.00" in second


def test_nothing_is_said_to_have_mattered_where_all_values_are_equal_or_chance(lab: Path) -> None:
    equal = make(name="equal")
    for index in range(12):
        add(equal, value=0.5, params={"train.learning_rate": 0.001 * (index + 1)})
    assert equal.words() == ["All 12 finished trials have the same value, so nothing is known of what decides it."]
    chance = make(name="chance")
    for index in range(12):
        add(chance, value=0.5 + 0.1 * (index * 7 % 12 % 5), params={"train.learning_rate": 0.001 * (index + 1)})
    assert chance.words() == ["No searched field stands out from chance among 12 trials."]


def test_too_few_trials_say_so(lab: Path) -> None:
    study = make()
    words = "0 of the 10 finished trials that a first conclusion needs."
    assert study.words() == [f"{words} This study has 5."]
    assert make(tiny_study(trials=20), "larger").words() == [words]
    with pytest.raises(StudyError, match="needs 10 finished trials"):
        study.narrow()


def test_the_narrowed_study_lies_in_the_old_space_and_holds_its_best_trials(lab: Path) -> None:
    study = searched_study()
    narrowed = study.narrow()
    before = {dimension.path: dimension for dimension in study.spec.space}
    rate = next(dimension for dimension in narrowed.space if dimension.path == "train.learning_rate")
    assert (before["train.learning_rate"].low or 0) <= (rate.low or 0) < 0.01 < (rate.high or 0)
    assert (rate.high or 0) / (rate.low or 1) < 300 < 1000, "three decades became fewer"
    assert narrowed.base.train.optimizer == "adam", "all of the best agree"
    assert "train.optimizer" not in [dimension.path for dimension in narrowed.space]
    assert narrowed.seed != study.spec.seed
    best = study.trials().query("state == 'finished'").nsmallest(6, "value")
    for dimension in narrowed.space:
        for value in best[f"params.{dimension.path}"]:
            assert (dimension.low or 0) <= value <= (dimension.high or 0)
            assert dimension.values() is None or value in list(dimension.values() or ())
    create_study("next", narrowed)
