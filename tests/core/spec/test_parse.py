"""Text of any kind becomes a spec or a sentence that is safe to print."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.spec import RunSpec
from core.spec.link import from_link
from core.spec.parse import (
    MAX_PROBLEMS,
    MAX_SPEC_BYTES,
    FieldProblem,
    SpecError,
    explain_number,
    parse_spec,
    read_number,
    read_numbers,
    read_object,
)
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


@pytest.mark.parametrize(
    ("typed", "whole", "decimal"),
    [
        ("16", 16, 16.0),
        (" +5 ", 5, 5.0),
        ("1e3", "1e3", 1000.0),
        ("1.5", "1.5", 1.5),
        (".5", ".5", 0.5),
        ("1e-3", "1e-3", 0.001),
        ("", None, None),
        ("0,01", "0,01", "0,01"),
        ("1 000", "1 000", "1 000"),
        ("1_000", "1_000", "1_000"),
        ("٣", "٣", "٣"),
        ("nan", "nan", "nan"),
        ("1e999", "1e999", "1e999"),
        ("9" * 5000, "9" * 5000, "9" * 5000),
    ],
)
def test_a_typed_number_is_read_as_it_stands_or_stays_text(typed: str, whole: object, decimal: object) -> None:
    assert (read_number(typed, is_whole=True), read_number(typed, is_whole=False)) == (whole, decimal)


def test_text_in_a_numbers_place_is_told_as_it_was_typed() -> None:
    comma = FieldProblem("train.learning_rate", "must be a number", "0,01")
    assert explain_number(comma) == "must be a number, not “0,01”; write decimals with a point"
    assert explain_number(FieldProblem("train.epochs", "must be a whole number", "soon")).endswith("not “soon”")
    assert explain_number(FieldProblem("train.epochs", "must be a whole number", "0,01")).endswith("not “0,01”")
    assert explain_number(FieldProblem("train.epochs", "must be at least 1", 0)) == "must be at least 1"
    with pytest.raises(SpecError, match=r'train\.epochs = "1e3": must be a whole number'):
        parse_spec(apply_settings({}, ["train.epochs=1e3"]))


def test_numbers_are_read_as_they_are_written() -> None:
    assert read_numbers("16, 32;64,128", is_whole=True) == [16, 32, 64, 128]
    assert read_numbers("1e-3, 0.1", is_whole=False) == read_numbers("1e-3,.1", is_whole=False) == [0.001, 0.1]
    assert read_numbers("16, many, 1e3, 1.5", is_whole=True) == [16, "many", "1e3", "1.5"]
    for typed in ("0,1; 0,01", "0,1, 0,01"):
        assert read_numbers(typed, is_whole=False) == ["0,1", "0,01"]
    assert read_numbers("0,01", is_whole=False) == [0, "01"]
    assert read_numbers("12, ١٢, 1_000", is_whole=True) == [12, "١٢", "1_000"]  # other scripts' digits
