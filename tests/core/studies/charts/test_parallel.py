"""Parallel Coordinate of a study: every trial a line, in the colour of its value, and those within the ranges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.charts.palette import GREY, pick_result_ink
from core.studies.charts.parallel import _list_round
from core.studies.points import Points
from tests.core.studies.charts.drawn import FIELDS, LOSSES, draw, make_spec, make_trial, points_of, trace, unpack

WIDTH = len(FIELDS) + 1


@pytest.fixture
def points() -> Points:
    return points_of(make_spec(), [make_trial(i, [v]) for i, v in enumerate(LOSSES)])


def lines_of(figure: dict[str, Any]) -> list[tuple[str, list[float]]]:
    """Colour and heights of every line, in the order in which they are drawn."""
    found = []
    for each in figure["data"]:
        if each["mode"] == "lines":
            heights = np.array(unpack(each["y"])).reshape(-1, WIDTH + 1)
            assert np.isnan(heights[:, -1]).all()
            found += [(each["line"]["color"], list(row[:-1])) for row in heights]
    return found


def test_every_trial_is_a_line_and_the_best_lies_on_top(points: Points) -> None:
    lines = lines_of(draw("Parallel Coordinate", points))
    reach = max(LOSSES) - min(LOSSES)
    assert sorted(heights[-1] for _, heights in lines) == pytest.approx(
        sorted((loss - min(LOSSES)) / reach for loss in LOSSES), abs=1e-6
    )
    assert lines[-1][1][-1] == 0
    assert lines[-1][0] == pick_result_ink(0).light


def test_the_highest_accuracy_is_the_best() -> None:
    points = points_of(make_spec("val/accuracy"), [make_trial(i, [v]) for i, v in enumerate((0.5, 0.9, 0.7))])
    figure = draw("Parallel Coordinate", points)
    assert lines_of(figure)[-1] == (pick_result_ink(0).light, pytest.approx(lines_of(figure)[-1][1]))
    assert lines_of(figure)[-1][1][-1] == 1
    ticks = [note["text"] for note in figure["layout"]["annotations"] if note["x"] == WIDTH - 1]
    assert ticks == ["50 %", "90 %", "80 %", "70 %", "60 %"]


def test_a_choice_stands_on_its_value(points: Points) -> None:
    figure = draw("Parallel Coordinate", points)
    at = FIELDS.index("model.stem_channels")
    ticks = {note["y"]: note["text"] for note in figure["layout"]["annotations"] if note["x"] == at}
    assert ticks == {0.0: "16", 1.0: "32"}
    assert {heights[at] for _, heights in lines_of(figure)} == {0.0, 1.0}


def test_names_of_choices_are_handed_to_the_browser_whole(points: Points) -> None:
    """Only there is known how far the next axis is."""
    at = FIELDS.index("train.optimizer")
    notes = draw("Parallel Coordinate", points)["layout"]["annotations"]
    assert {note["text"] for note in notes if note["x"] == at} == {"SGD with momentum", "Adam"}


def test_ranges_keep_what_passes_and_name_it(points: Points) -> None:
    at = FIELDS.index("model.stem_channels")
    figure = draw("Parallel Coordinate", points, ranges=(("model.stem_channels", (0.9, 1.0)), ("gone", (0.0, 0.1))))
    lines = lines_of(figure)
    grey = [heights for colour, heights in lines if colour == GREY]
    assert len(lines) == len(LOSSES)
    assert lines[: len(grey)] == [(GREY, heights) for heights in grey]
    assert {heights[at] for heights in grey} == {0.0}
    odd = range(1, len(LOSSES), 2)
    best_first = sorted(odd, key=lambda number: LOSSES[number])
    named = ", ".join(map(str, best_first))
    assert figure["notes"] == (
        f"{len(odd)} of {len(LOSSES)} trials within the ranges: {named}. Click a range to lift it.",
    )
    assert sorted(trace(figure, "ends")["customdata"]) == sorted(odd)
    brush = {axis["key"]: axis["range"] for axis in figure["layout"]["meta"]["brush"]}
    assert brush["model.stem_channels"] == [0.9, 1.0]
    assert set(brush) == {*FIELDS, "Validation loss"}


def test_ranges_that_nothing_passes_leave_grey_lines_alone(points: Points) -> None:
    figure = draw("Parallel Coordinate", points, ranges=(("model.stem_channels", (0.4, 0.6)),))
    assert {colour for colour, _ in lines_of(figure)} == {GREY}
    assert figure["notes"] == (f"0 of {len(LOSSES)} trials within the ranges. Click a range to lift it.",)


def test_a_thousand_trials_are_as_few_traces_as_there_are_colours() -> None:
    figure = draw("Parallel Coordinate", points_of(make_spec(), [make_trial(i, [0.5 + i % 97]) for i in range(1000)]))
    assert len(lines_of(figure)) == 1000
    assert len(figure["data"]) <= 42


@pytest.mark.parametrize(
    ("rates", "texts"),
    [
        ((1e-3, 1e-2), {"0.001", "0.002", "0.005", "0.01"}),
        ((1e-4, 9e-2), {"0.0001", "0.001", "0.01"}),
        ((2.1e-3, 2.2e-3), {"0.0021", "0.0022"}),
        ((2e-3, 2e-3), {"0.002"}),
    ],
)
def test_a_narrow_logarithmic_axis_has_ticks_that_can_be_read(rates: tuple[float, float], texts: set[str]) -> None:
    trials = [make_trial(i, [0.5 + i], learning_rate=rate) for i, rate in enumerate(rates)]
    figure = draw("Parallel Coordinate", points_of(make_spec(), trials), fields=("train.learning_rate",))
    assert {note["text"] for note in figure["layout"]["annotations"] if note["x"] == 0} == texts


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_few_and_lie_between_the_ends(low: float, reach: float) -> None:
    ticks = _list_round(low, low + reach)
    assert 1 <= len(ticks) <= 8
    assert ticks == sorted(ticks)
    assert min(ticks) >= low - 1e-9 * (abs(low) + reach)
    assert max(ticks) <= low + reach + 1e-9 * (abs(low) + reach)
