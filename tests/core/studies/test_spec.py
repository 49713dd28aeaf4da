"""What a study may be: every wrong one gets its sentence at the field, and a space is measured."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.spec import RunSpec
from core.spec.cost import cost_of
from core.spec.parse import SpecError
from core.studies.space import count_values
from core.studies.spec import StudySpec, describe_space, fitting_warmup, parse_study, propose, why_nothing_fits
from tests.core.studies.made_specs import REPORT, _value, problems_of, ranged, report, space_problems, spaces
from tests.strategies import run_specs


def test_the_report_preset_is_the_search_of_the_report() -> None:
    spaces = {dimension.path: dimension for dimension in REPORT.space}
    choices = {path: dimension.choices for path, dimension in spaces.items() if dimension.choices}
    assert choices == {
        "model.stem_channels": (16, 32),
        "model.layers[0].channels": (32, 64),
        "model.layers[1].channels": (64, 128),
        "model.layers[2].channels": (128, 256),
        "model.layers[*].filter_size": (3, 5),
        "model.layers[*].skip_kernel": (1, 3),
        "model.pool_size": (2, 4),
        "train.batch_size": (8, 16, 32),
        "train.optimizer": ("sgd", "adam"),
    }
    rate = spaces["train.learning_rate"]
    assert (rate.low, rate.high, rate.log) == (1e-5, 1e-2, True)
    train = REPORT.base.train
    assert (train.momentum, train.nesterov, train.weight_decay) == (0.9, False, 5e-4)
    assert (REPORT.trials, REPORT.objectives, REPORT.budget) == (20, ("val/loss",), 5_000_000)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"space": []}, "space: is empty: choose at least one field to search"),
        ({"trials": 0}, "trials = 0: a study needs a number of trials or a time limit"),
        ({"trials": -1}, "trials = -1: must be at least 0"),
        ({"workers": 0}, "workers = 0: must be at least 1"),
        ({"sampler": "tpee"}, "must be one of tpe, hyperopt, gp, cmaes, random, grid, qmc or nsga2"),
        ({"objectives": []}, "objectives = []: must have at least 1 entry"),
        ({"objectives": ["parameters"], "pruner": "none"}, "the others alone need no training"),
        ({"objectives": ["val/loss", "val/loss"], "pruner": "none"}, 'objectives[1] = "val/loss": is there twice'),
        ({"objectives": ["val/loss", "minutes"]}, 'pruner = "median": must be none with several objectives'),
        ({"sampler": "cmaes"}, "CMA-ES needs at least two ranges; this space has 1"),
        ({"sampler": "grid"}, "space[9].step: a grid needs a step here, or choices: the range is continuous"),
        ({"smapler": "tpe"}, "smapler: is no field of a study; did you mean sampler?"),
        ({"base": 3}, "base = 3: must be an object with named fields"),
        ({"base": {"train": {"epochs": 0}}}, "base.train.epochs = 0: must be at least 1"),
        ({"base": {"train": {"warmup_epochs": 30.0}}}, "base.train.warmup_epochs = 30.0: must be shorter than"),
        ({"base": {"model": {"pool_size": 99}}}, "base.model.pool_size = 99: is larger than the last map, 8x8"),
        ({"base": {"trian": {}}}, "base.trian: is no field of a spec; did you mean train?"),
    ],
)  # fmt: skip
def test_a_wrong_study_is_told_at_its_field(changes: dict[str, Any], problem: str) -> None:
    (found,) = problems_of(**changes)
    assert problem in found


def test_a_study_needs_validation_images() -> None:
    base = {"data": {"val_fraction": 0.0}}
    with pytest.raises(SpecError, match=r"base\.data\.val_fraction = 0\.0: must be above 0: trials are judged on"):
        parse_study({"space": [ranged("train.learning_rate", 1e-4, 1e-2)], "base": base})


def test_a_grid_that_is_too_large_is_refused_with_its_size() -> None:
    (found,) = space_problems(
        ranged("train.epochs", 1, 1000), ranged("train.batch_size", 1, 1000), sampler="grid", trials=5
    )
    assert found == "space: makes a grid of 1,000,000 points; at most 100,000"


def test_json_that_is_none_is_told_in_a_sentence() -> None:
    for text, problem in (("", "the spec is empty"), ("{", "the spec is not JSON"), ("[]", "must be an object")):
        with pytest.raises(SpecError, match=problem):
            parse_study(text)
    twice = json.dumps(report())[:-1] + ', "trials": 3}'
    with pytest.raises(SpecError, match="is written twice"):
        parse_study(twice)


def test_what_is_not_said_fits_the_rest() -> None:
    space = [ranged("train.learning_rate", 1e-4, 1e-2)]
    assert parse_study({"space": space, "objectives": ["val/accuracy", "parameters"]}).pruner == "none"
    assert parse_study({"space": space, "objectives": ["val/accuracy"]}).pruner == "median"
    thirty = {"train": {"epochs": 30}}
    assert parse_study({"space": space, "base": thirty}).pruner_warmup_epochs == 10
    constant = {"train": {"epochs": 30, "schedule": "constant"}}
    assert parse_study({"space": space, "base": constant}).pruner_warmup_epochs == 8
    rising = {"train": {"epochs": 30, "warmup_epochs": 20.0}}
    assert parse_study({"space": space, "base": rising}).pruner_warmup_epochs == 21
    for epochs, warmup, rung in ((20, 0.0, 1), (20, 1.0, 2), (20, 8.0, 2), (5, 2.0, 1)):
        base = {"train": {"epochs": epochs, "warmup_epochs": warmup}}
        spec = parse_study({"space": space, "base": base, "pruner": "hyperband"})
        assert spec.pruner_warmup_epochs == rung, "after the warm-up, with room for brackets"


@given(run_specs())
def test_the_warm_up_of_the_pruner_outlasts_that_of_the_learning_rate(spec: RunSpec) -> None:
    warmup = fitting_warmup(spec.train, "median")
    assert 1 <= warmup <= spec.train.epochs
    assert warmup >= min(spec.train.epochs, spec.train.warmup_epochs)


def test_the_size_of_a_small_space_is_exact() -> None:
    space = [
        {"path": "model.stem_channels", "choices": [16, 32]},
        {"path": "model.pool_size", "choices": [4, 8, 16]},
        {"path": "train.batch_size", "choices": [8, 16]},
    ]
    study = parse_study(report(space=space, budget=2_663_000))
    size = describe_space(study)
    counts = [
        cost_of(propose(study, {"model.stem_channels": c, "model.pool_size": p})).parameters
        for c in (16, 32)
        for p in (4, 8)
    ]
    assert size.count == 12
    assert (size.smallest_parameters, size.largest_parameters) == (min(counts), max(counts))
    assert size.share_impossible == pytest.approx(1 / 3), "a pooling of 16 on maps of 8x8"
    assert size.share_over_budget == pytest.approx(sum(count > 2_663_000 for count in counts) / 6)


@given(spaces(), st.data())
@settings(max_examples=15, deadline=None)
def test_no_network_of_a_space_is_beyond_its_smallest_and_largest(
    drawn: tuple[StudySpec, Any], data: st.DataObject
) -> None:
    study, _ = drawn
    # Where a skip connection comes and goes with equal widths, the extremes found are only near.
    try:
        size = describe_space(study)
        point = {dimension.path: data.draw(_value(dimension)) for dimension in study.space}
        parameters = cost_of(propose(study, point)).parameters
    except SpecError:
        return
    assert 0.8 * size.smallest_parameters <= parameters <= 1.25 * size.largest_parameters


def test_a_space_without_a_network_that_works_is_told() -> None:
    study = parse_study(report(space=[{"path": "model.pool_size", "choices": [9, 16]}]))
    with pytest.raises(SpecError, match="no network of this space can work"):
        describe_space(study)


def test_a_space_in_which_nothing_fits_the_budget_is_told() -> None:
    space = [{"path": "model.stem_channels", "choices": [16, 32]}]
    study = parse_study(report(space=space))
    assert why_nothing_fits(study) == ""
    size = describe_space(study)
    assert (size.looked_at, size.fitting) == (2, 2)
    between = parse_study(report(space=space, budget=size.smallest_parameters))
    assert (describe_space(between).fitting, why_nothing_fits(between)) == (1, "")
    small = parse_study(report(space=space, budget=size.smallest_parameters - 1))
    assert why_nothing_fits(small) == (
        f"None of 2 networks of this space is within the budget of {small.budget:,} parameters: the smallest has "
        f"{size.smallest_parameters:,}. No trial would be trained."
    )
    impossible = parse_study(report(space=[{"path": "model.pool_size", "choices": [9, 16]}]))
    assert "No network of this space can work" in why_nothing_fits(impossible)
    assert why_nothing_fits(parse_study(report(space=space, budget=0))) == ""


def test_a_continuous_space_has_no_count() -> None:
    assert describe_space(REPORT).count is None
    assert count_values(REPORT.space[:-1]) == 2**7 * 3 * 2
    assert describe_space(REPORT).largest_parameters > REPORT.budget > describe_space(REPORT).smallest_parameters
