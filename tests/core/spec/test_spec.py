"""What a spec accepts, what it refuses, and how it says so."""

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.spec import CHOICE_LABELS, MAX_PARAMETERS, SECTIONS, RunSpec
from core.spec.cost import cost_of
from core.spec.fields import SpecField, fields_of
from core.spec.parse import SpecError, parse_spec
from tests.core.spec.reading import problems_of
from tests.specs import specs


def test_an_empty_object_is_the_default_run() -> None:
    assert parse_spec("{}") == RunSpec()
    assert RunSpec().data.dataset == "digits"


def test_a_spec_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        RunSpec().train.epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("sections", "sentence"),
    [
        ({"train": None}, "train = null: must be an object with named fields"),
        ({"trian": {}}, "trian: is no field of a spec; did you mean train?"),
        ({"epochs": 3}, "epochs: is no field of a spec; did you mean train.epochs?"),
        ({"version": 2}, "version = 2: must be 1"),
        ({"model": {"pool_size": 9}}, "model.pool_size = 9: is larger than the last map, 8x8"),
        (
            {"model": {"layers": [{"stride": 4}] * 4, "pool_size": 1}},
            "model.layers[2].stride = 4: the map here is only 2x2; nothing would be left of it",
        ),
        ({"augment": {"crop_padding": 32}}, "augment.crop_padding = 32: must be smaller than the image, 32 px"),
        ({"augment": {"cutout": 33}}, "augment.cutout = 33: must be at most the image's side, 32 px"),
        (
            {"train": {"grow_images": True, "first_side": 40}},
            "train.first_side = 40: must be at most the images' own side, 32 px",
        ),
        (
            {"train": {"grow_images": True, "first_side": 4}, "model": {"layers": [{"stride": 4}] * 2, "pool_size": 1}},
            "train.first_side = 4: is too small: the network's strides would leave nothing of it",
        ),
        ({"data": {"dataset": "folder"}}, 'data.folder = "": name the folder that holds the images'),
        (
            {"data": {"dataset": "folder", "folder": "a\0b"}},
            'data.folder = "a\\u0000b": must not hold a null character',
        ),
    ],
)
def test_a_refusal_is_a_sentence_that_names_the_field(sections: dict[str, Any], sentence: str) -> None:
    assert problems_of(**sections) == [sentence]


def test_all_wrong_fields_are_told_at_once() -> None:
    told = problems_of(train={"epochs": 0, "batch_size": 0}, model={"dropout": 1})
    assert [sentence.partition(" ")[0] for sentence in told] == ["model.dropout", "train.epochs", "train.batch_size"]


def test_a_network_of_more_than_a_billion_parameters_is_refused_before_it_is_built() -> None:
    layers = [{"channels": 4096, "filter_size": 15, "blocks": 64}]
    assert problems_of(model={"layers": layers})[0].startswith("model.layers[0].channels = 4096: makes ")
    told = problems_of(
        model={"layers": [{"channels": 4096}], "pool_size": 1},
        data={"dataset": "folder", "folder": "x", "folder_classes": 10_000},
    )
    assert told[0].startswith("model.pool_size = 1: leaves so large a linear layer")


@pytest.mark.parametrize(
    ("train", "field"),
    [
        ({"early_stop_patience": 2}, "train.early_stop_patience = 2"),
        ({"goal_accuracy": 0.9}, "train.goal_accuracy = 0.9"),
        ({"schedule": "plateau"}, 'train.schedule = "plateau"'),
    ],
)
def test_nothing_can_be_chosen_where_no_images_are_held_out(train: dict[str, Any], field: str) -> None:
    (told,) = problems_of(train=train, data={"val_fraction": 0.0})
    assert told == f"{field}: needs validation images, and data.val_fraction = 0 holds none out"
    folder = {"dataset": "folder", "folder": "x", "val_fraction": 0.0}  # may bring its own
    assert parse_spec({"train": train, "data": folder}).data.may_validate
    assert not parse_spec({"data": {"val_fraction": 0.0}}).data.may_validate


def test_attention_counts_towards_the_limit_of_parameters() -> None:
    layer = {"channels": 1900, "blocks": 64, "filter_size": 1}
    model = {"layers": [layer, layer], "attention_reduction": 1}
    assert cost_of(parse_spec({"model": {**model, "attention": "none"}})).parameters < MAX_PARAMETERS
    assert "makes 1,3" in problems_of(model={**model, "layers": [layer] * 3, "attention": "none"})[0]
    assert "at most 1,000,000,000" in problems_of(model={**model, "attention": "se"})[0]


@given(specs())
@settings(max_examples=60, deadline=None)
def test_any_spec_comes_back_equal_from_its_json(spec: RunSpec) -> None:
    text = spec.model_dump_json()
    assert parse_spec(text) == spec
    assert parse_spec(text).model_dump_json() == text
    assert hash(parse_spec(text)) == hash(spec)


def _wrong_values(field: SpecField, draw: random.Random) -> Any:
    """A value that the field must refuse, whatever the other fields hold."""
    wrong: list[Any] = [None, {}, {"a": 1}, [[1]], float("nan"), float("inf"), -float("inf"), "\n\x1b[31m", 10**40]
    if field.kind in ("int", "float"):
        assert field.low is not None
        assert field.high is not None
        wrong += [field.low - 1, field.high + 1, -(10**9), "1", True, [1]]
    if field.kind == "int":
        wrong += [1.5, 1e300]
    if field.kind == "bool":
        wrong += [0, 1, "true"]
    if field.kind in ("choice", "text"):
        wrong = [value for value in wrong if not isinstance(value, str)] + [0, True, ["a"]]
    if field.kind == "choice":
        wrong += ["", "None", "ADAM", "x" * 2000]
    if field.kind in ("ints", "layers"):
        wrong += ["1,2", 0, ["a"], [None], [0] * 5]
    return draw.choice(wrong)


def test_a_thousand_wrong_values_each_name_their_field() -> None:
    draw = random.Random(0)
    fields = [field for section in (*SECTIONS, "layers[]") for field in fields_of(section)]
    for _ in range(1000):
        field = draw.choice(fields)
        value = _wrong_values(field, draw)
        owner = {field.name: value}
        in_layer = field.path.startswith("layers[]")
        source = {"model": {"layers": [{}, owner]}} if in_layer else {field.path.partition(".")[0]: owner}
        path = field.path.replace("layers[]", "model.layers[1]")
        with pytest.raises(SpecError) as caught:
            parse_spec(source)
        told = [problem.path for problem in caught.value.problems]
        assert all(other.startswith(path) for other in told), f"{path} = {value!r}: {caught.value}"
        sentence = str(caught.value)
        assert sentence.isprintable() or "\n" in sentence
        assert "\x1b" not in sentence
        json.dumps([str(problem) for problem in caught.value.problems]).encode()


@given(st.sampled_from([field for section in SECTIONS for field in fields_of(section) if field.low is not None]))
def test_the_ends_of_a_range_belong_to_it(field: SpecField) -> None:
    section = SECTIONS[field.path.partition(".")[0]]
    for value in (field.low, field.high):
        exact = int(value) if field.kind == "int" else float(value)  # type: ignore[arg-type]
        if field.name.endswith("filter") and exact % 2 == 0:
            continue
        others = (
            {"epochs": 10_000, "nesterov": False} if section.__name__ == "TrainSpec" and field.name != "epochs" else {}
        )
        assert getattr(section.model_validate_json(json.dumps({**others, field.name: exact})), field.name) == exact


def test_every_field_and_choice_has_words_for_people() -> None:
    for section in (*SECTIONS, "layers[]"):
        for field in fields_of(section):
            assert field.label, field.path
            assert field.help.endswith((".", ".)")), field.path
            assert set(field.choices) <= set(CHOICE_LABELS), field.path
            assert len(field.label) < 35, field.path
