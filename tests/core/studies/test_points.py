"""Trials as columns: the front is the true one."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.studies.points import find_front
from tests.core.studies.charts.drawn import make_spec, make_trial, points_of


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_no_trial_of_the_front_is_beaten_and_every_other_is(values: list[tuple[float, float, float]]) -> None:
    spec = make_spec("val/loss", "parameters", "minutes")
    points = points_of(spec, [make_trial(i, list(each)) for i, each in enumerate(values)])
    front = set(np.flatnonzero(find_front(points)))
    for row, own in enumerate(values):
        beaten = any(all(b <= a for a, b in zip(own, other, strict=True)) and other != own for other in values)
        assert (row in front) != beaten
