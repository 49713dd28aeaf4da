"""Settings and values reach the fields that they name, or are refused in words."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.spec import RunSpec
from core.spec.fields import field_at, flatten
from core.spec.parse import parse_spec, read_object
from core.spec.settings import apply_settings, set_values
from tests.core.spec.reading import PATHS, read_or_refuse, refusal_of
from tests.specs import specs


@given(st.lists(st.sampled_from(PATHS) | st.text(st.characters(), max_size=12), max_size=3), st.text(st.characters()))
@settings(max_examples=200, deadline=None)
def test_any_setting_is_applied_or_refused_in_words(paths: list[str], text: str) -> None:
    data = read_or_refuse(apply_settings, {}, [f"{path}={text}" for path in paths])
    if isinstance(data, dict):
        read_or_refuse(parse_spec, data)


@given(specs())
@settings(max_examples=40, deadline=None)
def test_every_field_can_be_set_by_its_path(spec: RunSpec) -> None:
    layers = [{} for _ in spec.model.layers]
    wanted = [
        f"{path}={json.dumps(list(value) if isinstance(value, tuple) else value)}"
        for path, value in flatten(spec).items()
    ]
    assert parse_spec(apply_settings({"model": {"layers": layers}}, wanted)) == spec


def test_settings_reach_one_layer_or_all_of_them() -> None:
    data = apply_settings({}, ["model.layers[*].blocks=5", "model.layers[1].channels=7"])
    layers = parse_spec(data).model.layers
    assert [layer.blocks for layer in layers] == [5, 5, 5]
    assert [layer.channels for layer in layers] == [32, 7, 128]
    assert [layer.stride for layer in layers] == [1, 2, 2]


def test_settings_leave_the_dict_they_were_given_alone() -> None:
    data: dict[str, Any] = {"train": {"epochs": 3}}
    assert apply_settings(data, ["train.epochs=4"]) == {"train": {"epochs": 4}}
    assert data == {"train": {"epochs": 3}}


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("train.epochs = 7 ", 7),
        ("train.learning_rate=.5", 0.5),
        ("train.learning_rate=1e-3", 1e-3),
        ("train.nesterov=False", False),
        ("train.nesterov=no", False),
        ("train.nesterov=on", True),
        ("train.milestones=91, 136", (91, 136)),
        ("train.milestones=5", (5,)),
        ("train.milestones=[1,2]", (1, 2)),
        ("train.milestones=[]", ()),
        ("train.device=cuda:1", "cuda:1"),
        ("data.folder=/a=b", "/a=b"),
        ("data.folder=2024", "2024"),
        ('data.folder="true"', "true"),
        ("train.optimizer=sgd", "sgd"),
    ],
)
def test_settings_are_read_as_people_write_them(setting: str, value: object) -> None:
    path = setting.partition("=")[0].strip()
    assert flatten(parse_spec(apply_settings({}, [setting])))[path] == value


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("train.epochs", "write a setting as section.field=value"),
        ("train.epoch=3", "train.epoch: is no field of a spec; did you mean train.epochs?"),
        ("epochs=3", "epochs: is no field of a spec; did you mean train.epochs?"),
        ("model.layers.channels=3", "did you mean model.layers[*].channels?"),
        ("model.layers[9].channels=3", "model.layers[9]: there is no such layer; the spec has 3, counted from 0"),
        ("model.layers[0]={}", "model.layers[0]: is no field of a spec"),
        ("model.layers[].channels=3", "is no field of a spec"),
        ("layers[].channels=3", "is no field of a spec"),
        ("=3", "is no field of a spec"),
    ],
)
def test_a_setting_that_names_no_field_is_refused(setting: str, sentence: str) -> None:
    assert sentence in refusal_of(apply_settings, {}, [setting])


def test_a_wrong_value_of_a_setting_is_left_to_the_check_of_the_spec() -> None:
    for value in ("", "many", "1e999", "NaN", "[" * 10_000, "9" * 5000):
        data = apply_settings({}, [f"train.epochs={value}"])
        assert refusal_of(parse_spec, data).startswith("train.epochs = ")


@pytest.mark.parametrize("typed", ["9, 015", "9, ١٢", "9, 1_000", "9, 1e3", "9, nan"])
def test_what_is_no_whole_number_of_a_list_is_refused_as_it_was_typed(typed: str) -> None:
    refusal = refusal_of(parse_spec, apply_settings({}, [f"train.milestones={typed}"]))
    assert refusal == f'train.milestones[1] = "{typed[3:]}": must be a whole number'


def test_settings_on_what_is_no_spec_are_refused() -> None:
    assert refusal_of(apply_settings, {"train": 3}, ["train.epochs=3"]).startswith("train = 3: must be an object")
    assert "model.layers" in refusal_of(apply_settings, {"model": {"layers": [3]}}, ["model.layers[0].blocks=1"])
    assert refusal_of(read_object, "[1]").startswith("spec = [1]: must be an object")


def test_the_settings_address_is_the_field_address() -> None:
    assert field_at("model.layers[3].channels") == field_at("layers[].channels")


@given(specs())
@settings(max_examples=40, deadline=None)
def test_every_value_can_be_set_by_its_path(spec: RunSpec) -> None:
    start = set_values(RunSpec(), {"model.layers": [{} for _ in spec.model.layers], "model.pool_size": 1})
    assert set_values(start, flatten(spec)) == spec


def test_values_keep_their_type_and_the_spec_stays_as_it_was() -> None:
    first = RunSpec()
    changed = set_values(first, {"model.layers[*].channels": 7, "model.layers[1].channels": 9, "data.folder": "2024"})
    assert [layer.channels for layer in changed.model.layers] == [7, 9, 7]
    assert changed.data.folder == "2024"
    assert first == RunSpec()


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("train.epochs", "3", 'train.epochs = "3": must be a whole number'),
        ("train.epoch", 3, "train.epoch: is no field of a spec; did you mean train.epochs?"),
        ("model.layers[9].channels", 3, "model.layers[9]: there is no such layer"),
        ("layers[].channels", 3, "is no field of a spec"),
    ],
)
def test_a_wrong_value_or_path_is_refused(path: str, value: object, sentence: str) -> None:
    assert sentence in refusal_of(set_values, RunSpec(), {path: value})
