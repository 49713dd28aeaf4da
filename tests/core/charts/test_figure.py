"""What every figure shares."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.charts.figure import shorten, span_ends, to_json
from tests.strict_json import strict


@given(st.text(max_size=200))
def test_a_shortened_name_keeps_its_two_ends(name: str) -> None:
    short = shorten(name)
    assert len(short) <= 34
    assert short[0:1] == name[0:1]
    assert short[-1:] == name[-1:]


def test_an_axis_of_one_value_is_spanned_around_it() -> None:
    assert span_ends([2_000_000.0, 2_000_000.0, float("nan")]) == [1_900_000, 2_100_000]
    assert span_ends([0.8, sum([0.8] * 6) / 6]) == [0.8 - 0.04, 0.8 + 0.04]
    assert span_ends([0.0]) == [-0.5, 0.5]
    assert span_ends([1.0, 2.0]) is None
    assert span_ends([]) is None


def test_a_number_that_is_not_finite_is_missing_in_what_the_browser_reads() -> None:
    trace = {"x": [math.nan, 1.5], "marker": {"size": (np.float64(math.inf),)}, "y": np.array([1.0, math.nan])}
    told = strict(to_json([trace], {"width": np.float32(2)}))
    assert told["data"][0] | {"y": None} == {"x": [None, 1.5], "marker": {"size": [None]}, "y": None}
    assert told["layout"] == {"width": 2.0}
