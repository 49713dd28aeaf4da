"""Every wrong space gets its sentence at the field; every right one gives specs that can run."""

from typing import Any

import pytest
from hypothesis import given, settings

from core.spec import RunSpec
from core.spec.cost import cost_of
from core.spec.fields import flatten
from core.spec.parse import SpecError, parse_spec
from core.spec.presets import PRESETS
from core.studies.space import Value, default_dimension, propose_values, read_values
from core.studies.spec import StudySpec, parse_study, propose
from tests.core.studies.made_specs import REPORT, SEARCHABLE, ranged, report, space_problems, spaces
from tests.strategies import run_specs


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


def test_all_problems_of_a_space_are_told_at_once() -> None:
    found = space_problems(ranged("train.epochs", 0, 2), ranged("model.dropout", 0.5, 0.1), {"path": "x"})
    assert [text.split(" ")[0] for text in found] == ["space[0].low", "space[1].high", "space[2].path"]


def test_one_field_cannot_be_searched_twice() -> None:
    each, first = ranged("model.layers[*].channels", 4, 8), ranged("model.layers[0].channels", 4, 8)
    for pair in ([each, first], [first, each], [first, first]):
        (found,) = space_problems(*pair)
        assert "is searched already, by space[0]" in found


@pytest.mark.parametrize("path", SEARCHABLE)
@given(spec=run_specs(validated=True))
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


@pytest.mark.parametrize("count", [None, "abc", 0, 10**14])
def test_a_number_of_layers_that_is_none_is_refused_at_its_field(count: object) -> None:
    with pytest.raises(SpecError, match=r"model\.layers"):
        propose_values(PRESETS["report"].spec, {"model.layers": count})
