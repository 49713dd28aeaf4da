"""Text of any kind becomes a spec or a sentence; settings and links keep what they were given."""

import base64
import json
import zlib
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.spec import SECTIONS, LayerSpec, ModelSpec, RunSpec
from core.spec.fields import field_at, fields_of, flatten
from core.spec.link import from_link, to_link
from core.spec.parse import MAX_PROBLEMS, MAX_SPEC_BYTES, SpecError, parse_spec, read_object
from core.spec.presets import PRESETS
from core.spec.settings import apply_settings
from tests.specs import specs

PATHS = [field.path for section in SECTIONS for field in fields_of(section)] + [
    f"model.layers[{place}].{field.name}" for place in ("0", "*", "99") for field in fields_of("layers[]")
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(), max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)
# Names of real sections and fields, so that the fuzz gets past the first check.
SPEC_LIKE = st.dictionaries(
    st.sampled_from([*SECTIONS, "version"]),
    st.dictionaries(st.sampled_from([path.rpartition(".")[2] for path in PATHS]), JSON, max_size=4) | JSON,
    max_size=4,
)
NASTY_TEXTS = [
    "",
    " ",
    "{",
    "[" * 50_000,
    '{"model":' * 5_000,
    '{"train":{"epochs":' + "9" * 5000 + "}}",
    '{"train":{"learning_rate":1e999}}',
    '{"data":{"folder":"\\ud800"}}',
    "\ud800",
    '{"\\u001b[2J":1}',
    "\ufeff",
    "null",
    '"' * 100,
    "{" + '"a":1,' * 3000 + '"b":2}',
    '{"train":{"milestones":[' + "0," * 30_000 + "0]}}",
    "\0",
]


def refusal_of(read: Any, *arguments: Any) -> str:
    """The sentences of a refusal; they must be safe to print and to send to a browser."""
    with pytest.raises(SpecError) as caught:
        read(*arguments)
    sentence = str(caught.value)
    sentence.encode()
    assert sentence.replace("\n", "").isprintable()
    assert len(caught.value.problems) <= MAX_PROBLEMS + 1
    return sentence


def read_or_refuse(read: Any, *arguments: Any) -> Any:
    try:
        return read(*arguments)
    except SpecError:
        return refusal_of(read, *arguments)


@pytest.mark.parametrize("text", NASTY_TEXTS, ids=lambda text: ascii(text[:12]))
def test_nasty_text_is_refused_in_words(text: str) -> None:
    assert refusal_of(parse_spec, text)
    read_or_refuse(read_object, text)
    assert refusal_of(from_link, text)
    for path in PATHS:
        read_or_refuse(apply_settings, {}, [f"{path}={text}"])
    assert refusal_of(apply_settings, {}, [text])
    assert refusal_of(apply_settings, {}, [f"{text}=1"])


@given(st.text(st.characters()) | st.binary() | JSON.map(json.dumps) | SPEC_LIKE.map(json.dumps))
@settings(max_examples=300, deadline=None)
def test_any_text_becomes_a_spec_or_a_sentence(text: str | bytes) -> None:
    assert isinstance(read_or_refuse(parse_spec, text), RunSpec | str)


@given(SPEC_LIKE | st.dictionaries(st.text(st.characters()) | st.integers(), JSON, max_size=3))
@settings(max_examples=200, deadline=None)
@example({"train": {"epochs": 10**5000}})
@example({"data": {"folder": "\ud800"}})
@example({"model": {"layers": {1, 2}}})
def test_any_dict_becomes_a_spec_or_a_sentence(data: dict[str, Any]) -> None:
    assert isinstance(read_or_refuse(parse_spec, data), RunSpec | str)
    read_or_refuse(apply_settings, data, ["train.epochs=3", "model.layers[*].blocks=1"])


def test_a_dict_that_no_json_can_hold_names_the_field() -> None:
    assert refusal_of(parse_spec, {"train": {"epochs": 10**5000}}).startswith("train.epochs: cannot be written as JSON")
    assert refusal_of(parse_spec, {"data": {"folder": "\ud800"}}).startswith("data.folder: cannot be written as JSON")
    assert "sets" not in refusal_of(parse_spec, {"train": {"seed": {1}}})
    endless: dict[str, Any] = {}
    endless["train"] = endless
    assert "Circular" in refusal_of(parse_spec, endless)
    deep: dict[str, Any] = {}
    inner = deep
    for _ in range(100_000):
        inner["train"] = inner = {}
    assert "nested too deeply" in refusal_of(parse_spec, deep)


@given(st.text(st.characters()) | st.binary().map(lambda raw: base64.urlsafe_b64encode(zlib.compress(raw)).decode()))
@settings(max_examples=200, deadline=None)
def test_any_link_becomes_a_spec_or_a_sentence(text: str) -> None:
    assert isinstance(read_or_refuse(from_link, text), RunSpec | str)


@given(st.lists(st.sampled_from(PATHS) | st.text(st.characters(), max_size=12), max_size=3), st.text(st.characters()))
@settings(max_examples=200, deadline=None)
def test_any_setting_is_applied_or_refused_in_words(paths: list[str], text: str) -> None:
    data = read_or_refuse(apply_settings, {}, [f"{path}={text}" for path in paths])
    if isinstance(data, dict):
        read_or_refuse(parse_spec, data)


def test_a_name_written_twice_is_refused() -> None:
    assert (
        refusal_of(parse_spec, '{"train": {"epochs": 1, "epochs": 2}}') == "epochs = 2: is written twice in one object"
    )
    assert "train" in refusal_of(parse_spec, '{"train": {}, "model": {}, "train": {}}')
    assert "twice" in refusal_of(read_object, b'{"data": {}, "data": {}}')


def test_a_file_with_a_byte_order_mark_is_read() -> None:
    assert parse_spec(b'\xef\xbb\xbf{"train": {"epochs": 3}}').train.epochs == 3


def test_a_spec_of_unreasonable_size_is_refused_unread() -> None:
    text = '{"data": {"folder": "' + "x" * MAX_SPEC_BYTES + '"}}'
    assert refusal_of(parse_spec, text).startswith(f"a spec has at most {MAX_SPEC_BYTES:,} bytes")


def test_many_wrong_values_are_summed_up() -> None:
    told = refusal_of(parse_spec, {"train": {f"x{place}": 1 for place in range(500)}}).splitlines()
    assert told[-1] == f"and {500 - MAX_PROBLEMS} more"


# ---- settings


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


def test_settings_on_what_is_no_spec_are_refused() -> None:
    assert refusal_of(apply_settings, {"train": 3}, ["train.epochs=3"]).startswith("train = 3: must be an object")
    assert "model.layers" in refusal_of(apply_settings, {"model": {"layers": [3]}}, ["model.layers[0].blocks=1"])
    assert refusal_of(read_object, "[1]").startswith("spec = [1]: must be an object")


def test_the_settings_address_is_the_field_address() -> None:
    assert field_at("model.layers[3].channels") == field_at("layers[].channels")


# ---- links


@given(specs())
@settings(max_examples=60, deadline=None)
def test_any_spec_comes_back_equal_from_its_link(spec: RunSpec) -> None:
    link = to_link(spec)
    assert from_link(link) == spec
    assert link.isascii()
    assert set(link) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_a_link_keeps_a_first_layer_that_halves_the_map() -> None:
    spec = RunSpec(model=ModelSpec(layers=(LayerSpec(stride=2), LayerSpec(stride=1))))
    assert from_link(to_link(spec)) == spec


def test_the_link_of_every_preset_fits_an_address_bar() -> None:
    assert max(len(to_link(preset.spec)) for preset in PRESETS.values()) < 700


def test_a_link_that_lost_or_gained_a_piece_is_called_damaged() -> None:
    link = to_link(PRESETS["report"].spec)
    told = {refusal_of(from_link, link[:cut]) for cut in range(len(link))} | {refusal_of(from_link, link + "AAAA")}
    assert told == {"the link is damaged: it holds no spec"}


def test_a_link_that_unpacks_to_gigabytes_is_refused() -> None:
    bomb = base64.urlsafe_b64encode(zlib.compress(b" " * 10**8, 9)).decode()
    assert "damaged" in refusal_of(from_link, bomb)
