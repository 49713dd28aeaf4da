"""A series of another tool is drawn as it was logged."""

from __future__ import annotations

import json
import math

import numpy as np

from core.charts.palette import pick_ink
from core.compare.series import MAX_POINTS, draw_series
from core.runs.series import Series
from tests.core.compare.drawn import unpack


def draw(steps: list[int], values: list[float]) -> tuple[dict, tuple[str, ...]]:  # type: ignore[type-arg]
    series = Series(np.array(steps), np.array(values, float), np.full(len(steps), np.nan))
    drawing = draw_series("a <b>", series, pick_ink("a"))
    return json.loads(drawing.figure), drawing.notes


def test_steps_may_fall_and_what_is_not_finite_is_a_gap_that_is_counted() -> None:
    figure, notes = draw([1, 2, 1, 3], [0.5, math.nan, math.inf, 0.25])
    [trace] = figure["data"]
    assert unpack(trace["x"]).tolist() == [1, 2, 1, 3]
    np.testing.assert_array_equal(unpack(trace["y"]), [0.5, math.nan, math.nan, 0.25])
    assert notes == ("2 points not finite",)
    assert "<b>" not in figure["layout"]["title"]["text"]


def test_a_single_point_is_seen_and_many_are_thinned() -> None:
    assert draw([7], [1.0])[0]["data"][0]["mode"] == "markers"
    figure, notes = draw(list(range(10_000)), [float(value) for value in range(10_000)])
    [trace] = figure["data"]
    steps = unpack(trace["x"])
    assert len(steps) <= 2 * MAX_POINTS
    assert (steps[0], steps[-1], notes) == (0, 9_999, ())
