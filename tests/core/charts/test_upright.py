"""Upright axes: ranges come back from the address, and ticks leave room for each other."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.charts.upright import Upright, change_ranges, passes, read_ranges, space_ticks, write_ranges

OURS = ["train.epochs", "model.layers[0].channels", "val/accuracy"]
FOREIGN = ["configuration.sgd:lr", "configuration.a;b:c", "configuration.50%3B", ":"]  # keys of other tools


@pytest.mark.parametrize("text", ["x", "a:1", "a:1:0", "a:0:2", "a:-1:0", "a:x:y", "a:nan:1", ";;:", "a:0:1:2"])
def test_ranges_that_make_no_sense_are_passed_over(text: str) -> None:
    assert read_ranges(f"{text};b:0.1:0.2") == {"b": (0.1, 0.2)}


@given(st.dictionaries(st.sampled_from([*OURS, *FOREIGN]), st.just((0.2, 0.7))))
def test_ranges_come_back_from_the_address(ranges: dict[str, tuple[float, float]]) -> None:
    assert read_ranges(write_ranges(ranges)) == ranges


def test_a_range_drawn_anew_takes_the_place_of_the_one_before() -> None:
    ranges = {"a": (0.1, 0.2), "b": (0.3, 0.4)}
    assert change_ranges(ranges, {"axis": "a", "range": [0.5, 0.6]}) == {"a": (0.5, 0.6), "b": (0.3, 0.4)}
    assert change_ranges(ranges, {"axis": "a", "range": None}) == {"b": (0.3, 0.4)}
    assert ranges["a"] == (0.1, 0.2)


def test_a_line_that_leaves_an_axis_out_is_in_none_of_its_ranges() -> None:
    axes = [Upright("a", "A", [0.5, None], []), Upright("b", "B", [0.2, 0.2], [])]
    assert [passes(axes, line, {"a": (0.0, 1.0), "gone": (0.9, 1.0)}) for line in (0, 1)] == [True, False]
    assert [passes(axes, line, {"b": (0.2, 0.3)}) for line in (0, 1)] == [True, True]


@given(st.dictionaries(st.floats(0, 1), st.just("x"), min_size=1, max_size=60))
def test_ticks_keep_both_ends_and_a_ninth_of_the_axis_between_them(shown: dict[float, str]) -> None:
    heights = sorted(height for height, _ in space_ticks(shown))
    assert heights[0] == min(shown)
    assert all(after - before >= 1 / 9 for before, after in pairwise(heights))
    if max(shown) - min(shown) >= 1 / 9:
        assert heights[-1] == max(shown)
