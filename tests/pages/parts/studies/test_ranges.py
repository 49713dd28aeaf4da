"""Ranges of Parallel Coordinate are chosen without a pointer, and agree with those that are drawn."""

from __future__ import annotations

import pytest

from core.charts.upright import read_ranges, write_ranges
from core.studies.charts.parallel import Stops
from pages.parts.studies.ranges import find_ends, find_range
from tests.pages.sample_studies import make_study

STOPS = Stops("rate", "Rate", {"1": (0.0, 0.0), "2": (1 / 3, 1 / 3), "3": (2 / 3, 0.67), "4": (1.0, 1.0)})


@pytest.mark.parametrize(("first", "last"), [("1", "2"), ("2", "2"), ("2", "3"), ("3", "4")])
def test_a_range_comes_back_from_the_address_as_it_was_chosen(first: str, last: str) -> None:
    chosen = find_range(STOPS, first, last)
    assert chosen is not None
    assert find_ends(STOPS, read_ranges(write_ranges({"rate": chosen}))["rate"]) == (first, last)


def test_a_range_between_two_values_means_the_nearest() -> None:
    assert find_ends(STOPS, (0.4, 0.45)) == ("2", "2")
    assert find_ends(STOPS, None) == ("1", "4")


def test_ranges_are_chosen_by_sliders_too_and_follow_what_is_drawn(open_page) -> None:
    make_study("done")
    page = open_page("studies", name="done", plot="Parallel Coordinate", brush="model.attention:0:0.4")
    assert not page.select_slider, "closed, it costs nothing"
    page.session_state["study.ranges"] = True
    page.run()
    sliders = {slider.label: slider for slider in page.select_slider}
    assert sliders["Attention"].value == ("None", "None")
    rate = sliders["Learning rate"]
    rate.set_range(rate.options[1], rate.options[-1]).run()
    kept = page.query_params["brush"]
    assert "model.attention:0:0.4" in str(kept)
    assert "train.learning_rate:" in str(kept)
    assert "within the ranges" in page.caption[0].value
    rate = next(slider for slider in page.select_slider if slider.label == "Learning rate")
    rate.set_range(rate.options[0], rate.options[-1]).run()
    assert "train.learning_rate" not in str(page.query_params["brush"]), "from end to end is no range"
