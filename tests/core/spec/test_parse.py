"""Text of any kind becomes a spec or a sentence that is safe to print."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.spec import RunSpec
from core.spec.link import from_link
from core.spec.parse import MAX_PROBLEMS, MAX_SPEC_BYTES, parse_spec, read_object
from core.spec.settings import apply_settings
from tests.core.spec.reading import JSON, NASTY_TEXTS, PATHS, SPEC_LIKE, read_or_refuse, refusal_of


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
