"""A record that holds other types is found out by its field, and all that the lab writes passes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.runs import shapes
from core.spec.train import MAX_EPOCHS

FIGURES = st.dictionaries(st.text(max_size=20), st.none() | st.floats(allow_nan=False, allow_infinity=False))


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({}, "state"),
        ({"state": "exploded"}, "state"),
        ({"state": "finished", "metrics": []}, "metrics"),
        ({"state": "finished", "metrics": {"test/accuracy": "high"}}, "metrics.test/accuracy"),
        ({"state": "finished", "epoch": 1.5}, "epoch"),
    ],
)
def test_a_field_of_another_type_is_named(value: dict[str, Any], field: str) -> None:
    assert shapes.find_fault(shapes.END, value).startswith(f"{field}: ")


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"state": "failed", "reason": "\ud800"}, "reason"),
        ({"state": "failed", "not_finite": ["val/loss", "\ud800"]}, "not_finite.1"),
        ({"state": "failed", "metrics": {"\ud800": 0.5}}, "metrics.\\ud800"),
    ],
)
def test_half_a_character_is_a_fault_wherever_it_stands(value: dict[str, Any], field: str) -> None:
    assert shapes.find_fault(shapes.END, value) == f"{field}: holds half a character (a lone surrogate)"


def test_keys_of_a_newer_version_are_passed_over() -> None:
    assert shapes.find_fault(shapes.END, {"state": "finished", "newer": object()}) == ""


@given(FIGURES.filter(lambda row: not {"epoch", "not_finite"} & set(row)), st.integers(0, MAX_EPOCHS))
def test_any_row_of_figures_passes(row: dict[str, Any], epoch: int) -> None:
    assert shapes.find_row_fault({"epoch": epoch, **row, "not_finite": ["val/loss"]}) == ""


@pytest.mark.parametrize("value", ["x", [1], {}, True, float("inf"), 10**400])
@pytest.mark.parametrize("key", ["epoch", "val/loss"])
def test_a_row_with_anything_else_names_its_column(key: str, value: object) -> None:
    assert shapes.find_row_fault({"epoch": 1, key: value}).startswith(f"{key}: ")
