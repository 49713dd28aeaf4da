"""What a study may be: every wrong space gets its sentence at the field; every right one gives specs that can run."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.spec import SECTIONS, RunSpec
from core.spec.cost import cost_of
from core.spec.fields import fields_of, flatten
from core.spec.parse import SpecError, parse_spec
from core.spec.presets import PRESETS
from core.studies.space import Dimension, Value, count_values, default_dimension, read_values
from core.studies.spec import STUDY_PRESETS, StudySpec, describe_space, fitting_warmup, parse_study, propose
from tests.strategies import run_specs

REPORT = STUDY_PRESETS["report"]


def report(**changes: Any) -> dict[str, Any]:
    return {**REPORT.model_dump(mode="json"), **changes}


def problems_of(**changes: Any) -> list[str]:
    with pytest.raises(SpecError) as caught:
        parse_study(report(**changes))
    return [str(problem) for problem in caught.value.problems]


def space_problems(*dimensions: Any, **changes: Any) -> list[str]:
    return problems_of(space=list(dimensions), **changes)


def ranged(path: str, low: float, high: float, **more: Any) -> dict[str, Any]:
    return {"path": path, "low": low, "high": high, **more}


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


def test_the_networks_of_the_report_are_among_those_it_searches() -> None:
    best = PRESETS["report"].spec
    values = read_values(REPORT.base, REPORT.space, best, ignore=frozenset({"train.nesterov"}))
    assert cost_of(propose(REPORT, values)).parameters == cost_of(best).parameters


@pytest.mark.parametrize(
    ("dimension", "problem"),
    [
        (ranged("train.epohcs", 1, 2), 'space[0].path = "train.epohcs": is no field of a spec; did you mean train.epo'),
        (ranged("train.epochs", 5, 2), "space[0].high = 2: must be above low, 5"),
        (ranged("train.epochs", 2, 2), "space[0].high = 2: must be above low, 2"),
        (ranged("train.epochs", 0, 2), "space[0].low = 0: must be at least 1"),
        (ranged("train.epochs", 1, 20_000), "space[0].high = 20000: must be at most 10,000"),
        (ranged("train.epochs", 1.5, 3), "space[0].low = 1.5: must be a whole number"),
        (ranged("train.epochs", 1, 9, step=1.5), "space[0].step = 1.5: must be a whole number"),
        (ranged("train.epochs", 1, 9, step=9), "space[0].step = 9.0: must be above 0 and at most 8, from low to high"),
        (ranged("train.epochs", 1, 9, log=True, step=2), "step = 2.0: must be left out on a logarithmic scale"),
        (ranged("model.dropout", 0, 0.5, log=True), "space[0].low = 0.0: must be above 0 on a logarithmic scale"),
        (ranged("model.stem_filter", 1, 6), "space[0].high = 6: must be odd, so that padding keeps the size"),
        (ranged("model.stem_filter", 1, 7, step=1), "space[0].step = 1.0: must be even, because the field is odd"),
        (ranged("train.optimizer", 0, 1), "space[0].choices: has no range: choose among sgd, adam, adamw"),
        (ranged("augment.flip", 0, 1), "space[0].choices: has no range: choose among true and false"),
        (ranged("model.layers", 1, 13), "space[0].high = 13: must be at most 12"),
        (ranged("model.layers[3].channels", 4, 8), "there is no such layer; there are 3, counted from 0"),
        (ranged("data.val_fraction", 0.1, 0.2), "it changes what is validated, so trials would not compare"),
        ({"path": "train.device", "choices": ["cpu"]}, "cannot be searched: it is no number and has no choices"),
        ({"path": "train.milestones", "choices": [1]}, "cannot be searched: it is no number and has no choices"),
        ({"path": "train.epochs"}, "space[0].low: needs a range (low and high) or choices"),
        ({"path": "train.epochs", "low": 3}, "space[0].high: a range needs both ends"),
        ({**ranged("train.epochs", 1, 2), "choices": [1]}, "give either a range or choices, not both"),
        ({"path": "train.optimizer", "choices": ["sgd", "x"]}, 'choices[1] = "x": must be one of sgd, adam, '),
        ({"path": "train.epochs", "choices": [1, 2.0]}, "space[0].choices[1] = 2.0: must be a whole number"),
        ({"path": "train.epochs", "choices": [1, True]}, "space[0].choices[1] = true: must be a whole number"),
        ({"path": "train.epochs", "choices": [7, 7]}, "space[0].choices[1] = 7: is there twice"),
        ({"path": "augment.flip", "choices": [True, 0]}, "space[0].choices[1] = 0: must be true or false"),
        ({"path": "train.epochs", "choices": [None]}, "choices[0] = null: must be text, a number, true or false"),
        ({"path": "train.learning_rate", "choices": ["0.1"]}, 'space[0].choices[0] = "0.1": must be a number'),
        ({"path": "train.learning_rate", "choices": [1000.0]}, "space[0].choices[0] = 1000.0: must be at most 100"),
        ({"path": "train.epochs", "choices": [1], "log": True}, "log = true: goes with a range, not with choices"),
        ({"low": 1, "high": 2}, "space[0].path: is missing"),
        ({**ranged("train.epochs", 1, 2), "hihg": 3}, "space[0].hihg: is no field of a study; did you mean high?"),
        (3, "space[0] = 3: must be an object with named fields"),
    ],
)  # fmt: skip
def test_a_wrong_dimension_is_told_at_its_field(dimension: Any, problem: str) -> None:
    (found,) = space_problems(dimension)
    assert problem in found


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


def test_all_problems_of_a_space_are_told_at_once() -> None:
    found = space_problems(ranged("train.epochs", 0, 2), ranged("model.dropout", 0.5, 0.1), {"path": "x"})
    assert [text.split(" ")[0] for text in found] == ["space[0].low", "space[1].high", "space[2].path"]


def test_one_field_cannot_be_searched_twice() -> None:
    each, first = ranged("model.layers[*].channels", 4, 8), ranged("model.layers[0].channels", 4, 8)
    for pair in ([each, first], [first, each], [first, first]):
        (found,) = space_problems(*pair)
        assert "is searched already, by space[0]" in found


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


@given(run_specs())
def test_the_warm_up_of_the_pruner_outlasts_that_of_the_learning_rate(spec: RunSpec) -> None:
    warmup = fitting_warmup(spec.train)
    assert 1 <= warmup <= spec.train.epochs
    assert warmup >= min(spec.train.epochs, spec.train.warmup_epochs)


SEARCHABLE = [
    *[field.path for section in SECTIONS for field in fields_of(section) if field.kind not in ("text", "ints")],
    *[f"model.layers[*].{field.name}" for field in fields_of("layers[]")],
    *[f"model.layers[0].{field.name}" for field in fields_of("layers[]")],
]
TASK = {"dataset", "folder_classes", "val_fraction", "test_fraction", "split_seed"}
SEARCHABLE = [path for path in SEARCHABLE if not (path.startswith("data.") and path.split(".")[1] in TASK)]


@pytest.mark.parametrize("path", SEARCHABLE)
@given(spec=run_specs())
@settings(max_examples=10)
def test_every_field_can_be_searched_as_its_prefilled_range_says(path: str, spec: RunSpec) -> None:
    dimension = default_dimension(spec, path)
    study = StudySpec(base=spec, space=(dimension,))
    assert StudySpec.model_validate_json(study.model_dump_json()) == study


def test_the_prefilled_range_holds_the_present_value() -> None:
    spec = PRESETS["report"].spec
    for path, low, high in (
        ("train.learning_rate", 3.71679e-5, 3.71679e-3),
        ("train.epochs", 10, 40),
        ("model.layers", 1, 5),
        ("model.layers[*].filter_size", 1, 7),
        ("model.layers[2].channels", 128, 512),
        ("model.dropout", 0, 0.95),
    ):
        dimension = default_dimension(spec, path)
        assert (dimension.low, dimension.high) == (low, high), path
    assert default_dimension(spec, "model.layers[*].filter_size").step == 2
    with pytest.raises(KeyError):
        default_dimension(spec, "train.nothing")


@st.composite
def spaces(draw: st.DrawFn) -> tuple[StudySpec, dict[str, Value]]:
    """A study over some fields, and a point of its space."""
    spec = draw(run_specs())
    paths = draw(st.lists(st.sampled_from(SEARCHABLE), min_size=1, max_size=6, unique=True))
    # One of a layer's field and of all layers' same field.
    paths = [path for path in paths if path.replace("[0]", "[*]") == path or path.replace("[0]", "[*]") not in paths]
    space = tuple(default_dimension(spec, path) for path in paths)
    point = {dimension.path: draw(_value(dimension)) for dimension in space}
    return StudySpec(base=spec, space=space, budget=0), point


def _value(dimension: Dimension) -> st.SearchStrategy[Any]:
    values = dimension.values()
    return st.floats(dimension.low, dimension.high) if values is None else st.sampled_from(list(values))


@given(spaces())
def test_a_proposed_spec_has_the_trials_values_and_nothing_else_of_its_own(
    drawn: tuple[StudySpec, dict[str, Value]],
) -> None:
    study, point = drawn
    try:
        spec = propose(study, point)
    except SpecError:
        return  # a network that cannot work
    flat, base = flatten(spec), flatten(study.base)
    for path, value in point.items():
        if path == "model.layers":
            assert len(spec.model.layers) == value
        elif "[*]" in path:
            places = range(len(spec.model.layers))
            assert all(flat[path.replace("[*]", f"[{place}]")] == value for place in places)
        else:
            assert flat[path] == value
    searched = {path.rpartition(".")[2] for path in point}
    if "layers" not in searched:
        assert all(flat[path] == base[path] for path in base if path.rpartition(".")[2] not in searched)
    assert read_values(study.base, study.space, spec, ignore=frozenset()) == pytest.approx(point)


def test_more_layers_repeat_the_last_and_values_of_missing_layers_change_nothing() -> None:
    space = [ranged("model.layers", 1, 5), ranged("model.layers[4].channels", 8, 64)]
    study = parse_study(report(space=space))
    five = propose(study, {"model.layers": 5, "model.layers[4].channels": 8, "model.pool_size": 1})
    assert [layer.channels for layer in five.model.layers] == [32, 128, 256, 256, 8]
    two = propose(study, {"model.layers": 2, "model.layers[4].channels": 8})
    assert [layer.channels for layer in two.model.layers] == [32, 128]
    with pytest.raises(SpecError, match=r"model\.pool_size = 4: is larger than the last map, 2x2"):
        propose(study, {"model.layers": 5, "model.layers[4].channels": 8})


def test_a_spec_outside_of_the_space_is_told_by_its_fields() -> None:
    ignore: frozenset[str] = frozenset()
    spec = parse_spec({**REPORT.base.model_dump(mode="json"), "data": {"dataset": "cifar100"}})
    with pytest.raises(SpecError, match=r'data\.dataset = "cifar100": is cifar10 in the study, which does not'):
        read_values(REPORT.base, REPORT.space, spec, ignore=ignore)
    wide = propose(REPORT, {"model.stem_channels": 24})
    with pytest.raises(SpecError, match=r"model\.stem_channels = 24: is outside of the study's space"):
        read_values(REPORT.base, REPORT.space, wide, ignore=ignore)


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


def test_a_continuous_space_has_no_count() -> None:
    assert describe_space(REPORT).count is None
    assert count_values(REPORT.space[:-1]) == 2**7 * 3 * 2
    assert describe_space(REPORT).largest_parameters > REPORT.budget > describe_space(REPORT).smallest_parameters
