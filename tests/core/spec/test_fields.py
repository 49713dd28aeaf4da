"""The fields as data: addresses, differences, and values as people write them."""

import pytest
from hypothesis import given, settings

from core.spec import SECTIONS, RunSpec
from core.spec.fields import differing, field_at, fields_of, flatten, flatten_json, format_value, label_path, show_value
from core.spec.presets import PRESETS
from tests.specs import specs


def test_a_field_tells_range_unit_help_and_default() -> None:
    field = field_at("train.batch_size")
    assert (field.low, field.high, field.default, field.unit, field.kind) == (1, 16_384, 128, "images", "int")
    assert field.basic
    assert field.log
    assert field_at("model.layers[2].channels").symbol == "C"
    assert field_at("data.dataset").choices == ("digits", "cifar10", "cifar100", "fashionmnist", "svhn", "folder")
    assert field_at("train.milestones").kind == "ints"
    assert field_at("model.layers").kind == "layers"


@pytest.mark.parametrize(
    "path", ["", "train", "train.", "train.epoch", "version", "model.layers[x].channels", ".epochs"]
)
def test_an_address_that_leads_nowhere_is_a_key_error(path: str) -> None:
    with pytest.raises(KeyError):
        field_at(path)


def test_defaults_lie_inside_their_ranges() -> None:
    for field in (field for section in (*SECTIONS, "layers[]") for field in fields_of(section)):
        if field.low is not None and field.high is not None:
            assert field.low <= field.default <= field.high, field.path
        if field.choices:
            assert field.default in field.choices, field.path


def test_conditions_name_real_siblings_and_choices() -> None:
    for section in SECTIONS:
        for field in fields_of(section):
            for name, values in field.when.items():
                sibling = field_at(f"{section}.{name}")
                if sibling.kind == "int":
                    assert sibling.low is not None
                    assert sibling.high is not None
                    allowed = set(range(int(sibling.low), int(sibling.high) + 1))
                else:
                    allowed = {True, False} if sibling.kind == "bool" else set(sibling.choices)
                assert set(values) <= allowed, field.path


def test_a_field_applies_only_under_its_condition() -> None:
    momentum = field_at("train.momentum")
    assert momentum.applies({"optimizer": "sgd"})
    assert not momentum.applies({"optimizer": "adam"})
    share = field_at("train.lookahead_share")
    assert share.applies({"lookahead_steps": 5})
    assert not any(share.applies({"lookahead_steps": value}) for value in (0, "five", None))
    assert field_at("train.epochs").applies({})


@given(specs())
@settings(max_examples=40, deadline=None)
def test_flatten_names_every_value_by_its_address(spec: RunSpec) -> None:
    flat = flatten(spec)
    assert all(field_at(path) for path in flat)
    known = {field.path for section in SECTIONS for field in fields_of(section)} - {"model.layers"}
    assert known <= set(flat)
    assert len(flat) == len(known) + len(spec.model.layers) * len(fields_of("layers[]"))
    assert differing([spec, spec]) == []


def test_differing_names_what_differs_and_missing_layers() -> None:
    report, resnet18 = PRESETS["report"].spec, PRESETS["resnet18"].spec
    paths = differing([report, resnet18])
    assert "train.optimizer" in paths
    assert "train.schedule" not in paths
    assert "model.layers[3].channels" in paths
    assert "train.optimizer" not in differing([report, resnet18], ignore=frozenset({"train.optimizer"}))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.001, "0.001"),
        (0.00037167893563643987, "0.000371679"),
        (200.0, "200"),
        (3, "3"),
        (True, "yes"),
        (False, "no"),
        ((), "–"),
        ((91, 136), "91, 136"),
        ("adam", "adam"),
    ],
)
def test_values_are_written_as_people_write_them(value: object, text: str) -> None:
    assert format_value(value) == text


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        ("train.optimizer", "sgd", "SGD with momentum"),
        ("data.folder", "digits", "digits"),
        ("data.folder", "", "–"),
        ("train.milestones", (), "–"),
        ("model.pool_size", 4, "4 px"),
        ("train.accumulation", 1, "1 batch"),
        ("train.accumulation", 4, "4 batches"),
        ("train.warmup_epochs", 1, "1 epoch"),
        ("train.learning_rate", 0.00123456, "0.00123456"),
        ("train.nesterov", True, "yes"),
    ],
)
def test_values_are_shown_with_labels_and_units(path: str, value: object, text: str) -> None:
    assert show_value(field_at(path), value) == text


def test_a_search_shows_fewer_digits_and_no_unit() -> None:
    assert show_value(field_at("train.learning_rate"), 0.00123456, digits=4, unit=False) == "0.001235"
    assert show_value(field_at("model.pool_size"), 4, unit=False) == "4"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("model.layers", "Block layers"),
        ("model.layers[*].filter_size", "All layers' filter"),
        ("model.layers[1].channels", "Layer 2 channels"),
        ("train.learning_rate", "Learning rate"),
        ("train.nothing", "train.nothing"),
    ],
)
def test_fields_have_one_name_everywhere(path: str, name: str) -> None:
    assert label_path(path) == name


def test_a_nought_is_shown_by_what_it_means() -> None:
    for path, zero, other in (("data.max_train_images", "all", "500 images"), ("augment.cutout", "off", "8 px")):
        shown = [show_value(field_at(path), value) for value in (0, int(other.split()[0]))]
        assert shown == [zero, other]
    assert show_value(field_at("data.split_seed"), 0) == "0"
    off = [field.path for section in SECTIONS for field in fields_of(section) if "0 is off" in field.help]
    assert all(show_value(field_at(path), 0) == "off" for path in off)


def test_json_is_flattened_right_or_wrong() -> None:
    spec = RunSpec()
    flat = flatten_json(spec.model_dump(mode="json"))
    assert flat.keys() == flatten(spec).keys()
    assert flatten_json({"train": {"epochs": "x"}, "version": 3}) == {"train.epochs": "x"}
