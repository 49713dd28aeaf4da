"""What the figures of a study share: no trial hides another, and each says its own values."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.studies.charts.axes import (
    StudyView,
    describe_trials,
    find_best,
    make_field_axis,
    make_value_axis,
    rows_with,
    span_colours,
    tabulate_trials,
)
from core.studies.points import Points
from tests.core.studies.charts.drawn import FIELDS, LOSSES, draw, make_spec, make_trial, points_of


def test_every_tick_of_a_logarithmic_axis_has_its_own_value(mixed: Points) -> None:
    """By itself Plotly writes 2, 3 and 5 between 10⁻³ and 10⁻²."""
    for axis in (make_field_axis(mixed, "train.learning_rate"), make_value_axis(mixed, 0, log=True)):
        assert (axis["type"], axis["tickformat"]) == ("log", "~g")
    accuracy = points_of(make_spec("val/accuracy"), [make_trial(0, [0.5])])
    assert make_value_axis(accuracy, 0, log=True)["tickformat"] == ".1%"


def test_a_logarithmic_axis_of_little_more_than_a_power_of_ten_has_few_ticks() -> None:
    """Asked for seven, Plotly writes 1 to 10 each, 8, 9 and 10 on top of one another."""
    for values, ticks in (([1.2, 34.0], 3), ([1.2, 2.3], 7), ([1.0, 1e4], 7), ([0.0, math.inf], 7)):
        points = points_of(make_spec(), [make_trial(i, [value]) for i, value in enumerate(values)])
        assert make_value_axis(points, 0, log=True)["nticks"] == ticks
    # Of the values that are drawn: what diverged for an epoch is on the curves alone.
    curved = points_of(make_spec(), [make_trial(i, [value], curve=[1e6, value]) for i, value in enumerate((1.2, 34.0))])
    ticks = [draw(plot, curved, log=True)["layout"]["yaxis"]["nticks"] for plot in ("History", "Intermediate Values")]
    assert ticks == [3, 7]


def test_a_trial_says_its_number_state_value_and_fields(mixed: Points) -> None:
    best = find_best(mixed, 0)
    assert best == int(np.argmin(LOSSES))
    (text,) = describe_trials(mixed, np.array([best]), ["train.optimizer", "model.stem_channels"])
    assert text == "<b>Trial 3</b> · finished<br>Validation loss 0.4000<br>Optimizer Adam<br>Stem channels 32"
    (failed,) = describe_trials(mixed, np.array([6]))
    assert failed == "<b>Trial 6</b> · failed<br>Validation loss unknown"


def test_the_table_of_a_figure_has_a_row_for_each_trial(mixed: Points) -> None:
    rows = np.arange(3)
    columns = tabulate_trials(mixed, rows, FIELDS)["meta"]["table"]
    assert [column["name"] for column in columns][:3] == ["Trial", "State", "Learning rate"]
    assert columns[-1]["name"] == "Validation loss"
    assert all(len(column["values"]) == len(rows) for column in columns)


def test_an_axis_of_accuracies_shows_decimals_only_for_narrow_ranges() -> None:
    for values, form in (([0.2, 0.9], ".0%"), ([0.91, 0.92], ".1%")):
        points = points_of(make_spec("val/accuracy"), [make_trial(i, [value]) for i, value in enumerate(values)])
        assert make_value_axis(points, 0, log=False)["tickformat"] == form


@given(st.lists(st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=12), st.booleans())
@settings(max_examples=30, deadline=None)
def test_the_best_trial_is_drawn_last_and_keeps_its_colour(values: list[float], is_accuracy: bool) -> None:
    objective = "val/accuracy" if is_accuracy else "val/loss"
    points = points_of(make_spec(objective), [make_trial(i, [value]) for i, value in enumerate(values)])
    rows = rows_with(points, StudyView(), FIELDS)
    best = max(values) if is_accuracy else min(values)
    assert points.values[rows[-1], 0] == best
    low, high = span_colours(points, 0, rows)
    assert low <= high
    assert best == (high if is_accuracy else low)
