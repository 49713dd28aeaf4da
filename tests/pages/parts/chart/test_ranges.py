"""Ranges of Parallel Coordinate are chosen without a pointer, and agree with those that are drawn."""

from __future__ import annotations

import pytest

from core.charts.upright import Stops, read_ranges, write_ranges
from pages.parts.chart.ranges import find_ends, find_range
from tests.compared_runs import make_compared
from tests.pages.conftest import texts
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


def test_compare_has_the_same_sliders(open_page) -> None:
    rates = (0.0001, 0.001, 0.01)
    runs = [make_compared(None, settings=[f"train.learning_rate={rate}"], top=0.5 + rate) for rate in rates]
    page = open_page("compare", ids=",".join(run.id for run in runs), tab="Parallel")
    assert not page.select_slider
    page.session_state["compare.ranges"] = True
    page.run()
    sliders = {slider.label: slider for slider in page.select_slider}
    assert list(sliders["Learning rate"].options) == ["0.0001", "0.001", "0.01"]
    assert list(sliders["Best val. accuracy"].options) == ["50.01 %", "50.10 %", "51.00 %"]
    sliders["Learning rate"].set_range("0.001", "0.01").run()
    assert "<b>2 of 3</b> pass through the ranges" in texts(page)
    next(slider for slider in page.select_slider if slider.label == "Learning rate").set_range("0.0001", "0.01").run()
    assert "pass through the ranges" not in texts(page)
