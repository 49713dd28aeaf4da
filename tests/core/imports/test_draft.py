from __future__ import annotations

import math

import pytest

from core.imports import draft as module
from core.imports.draft import Budget, Draft, count_left_out, parse_text, to_scalar


@pytest.fixture
def draft() -> Draft:
    return Draft("csv", "key", "name", Budget())


def test_points_stay_as_they_were_logged(draft: Draft) -> None:
    points = [(3, math.nan), (3, -0.0), (-(2**63), math.inf), (2**63 - 1, 5e-324)]
    for step, value in points:
        draft.log("loss", step, value, math.nan)

    series = draft.finish().series["loss"]

    assert series.steps.tolist() == [step for step, _ in points]
    assert [value.hex() for value in series.values.tolist()] == [value.hex() for _, value in points]


def test_what_is_beyond_the_bounds_is_counted(draft: Draft, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_NAMES", 2)
    draft.budget.points = 3
    for name in ("a", "b", "c", "a", "b", "c"):
        draft.log(name, 0, 1.0, math.nan)
    draft.log("", 0, 1.0, math.nan)
    draft.log("a", 2**63, 1.0, math.nan)

    run = draft.finish()

    assert {name: len(series.steps) for name, series in run.series.items()} == {"a": 2, "b": 1}
    assert sum(run.left_out.values()) == 5


def test_series_and_keys_of_all_runs_together_are_bounded() -> None:
    """Each takes a kilobyte, and a file of megabytes could name millions of them."""
    budget = Budget()
    budget.series = budget.keys = 3
    drafts = [Draft("csv", key, key, budget) for key in ("one", "two")]
    for draft in drafts:
        draft.log("a", 0, 1.0, math.nan)
        draft.log("b", 0, 1.0, math.nan)
        draft.configure({"x": 1, "y": 2})
    one, two = (draft.finish() for draft in drafts)

    assert (list(one.series), list(two.series)) == (["a", "b"], ["a"])
    assert (list(one.configuration), list(two.configuration)) == (["x", "y"], ["x"])
    assert two.left_out == {module.MANY_SERIES: 1, module.MANY_KEYS: 1}


def test_a_nested_configuration_is_joined_by_dots(draft: Draft) -> None:
    draft.configure({"model": {"widths": [64, 128], "block": {"kernel": 3}, "none": None}, "huge": 10**30})

    assert draft.finish().configuration == {
        "model.widths": "[64, 128]",
        "model.block.kernel": 3,
        "model.none": None,
        "huge": hex(10**30),
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1", 0.1),
        ("1e-4", 1e-4),
        ("18", 18),
        ("True", True),
        ("None", None),
        ("1.10", "1.10"),
        ("007", "007"),
        ("nan", "nan"),
        ("sgd", "sgd"),
    ],
)
def test_text_becomes_the_value_that_it_was(text: str, value: object) -> None:
    assert parse_text(text) == value
    assert type(parse_text(text)) is type(value)


def test_half_a_character_becomes_text_that_can_be_kept() -> None:
    assert str(to_scalar("a\ud800")).encode()


def test_counts_are_added() -> None:
    assert count_left_out([{"a": 1}, {"a": 2, "b": 1}]) == {"a": 3, "b": 1}


def test_a_file_that_names_kinds_without_end_fills_no_memory(draft: Draft) -> None:
    for number in range(1000):
        draft.leave_out(f"values of the type {number}")

    assert len(draft.left_out) <= 101
    assert sum(draft.left_out.values()) == 1000
