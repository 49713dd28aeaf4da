"""The drawing of the learning rate: true to its range, with round numbers on its axes."""

import xml.etree.ElementTree as ElementTree

import pytest

from pages.parts.build import rate_drawing
from pages.parts.build.rate_drawing import draw_rate, round_up, ticks_of
from tests.pages.parts.build.test_network_drawing import words


def test_the_rate_drawing_says_its_range_and_reaches_the_last_epoch() -> None:
    svg = draw_rate([0.0, 5.0, 9.9], [0.0, 0.1, 0.05], 10)
    assert "10 epochs" in words(svg)
    assert "at most 0.1" in svg
    points = next(iter(ElementTree.fromstring(svg).iter("polyline"))).attrib["points"].split()
    x, y = map(float, points[1].split(","))
    assert x == pytest.approx((rate_drawing.LEFT + rate_drawing.RIGHT) / 2)
    assert y == pytest.approx(rate_drawing.TOP, abs=0.1)


@pytest.mark.parametrize("last", [1, 2, 6, 7, 20, 182, 200, 9999])
def test_ticks_are_whole_epochs_within_the_training(last: int) -> None:
    ticks = ticks_of(last)
    assert ticks[0] == 0
    assert 2 <= len(ticks) <= 7
    assert ticks[-1] <= last
    assert all(tick == int(tick) for tick in ticks)


@pytest.mark.parametrize(("value", "top"), [(0.00037, 0.0004), (0.1, 0.1), (0.2, 0.2), (1.2, 1.5), (9.1, 10)])
def test_axes_end_at_round_numbers(value: float, top: float) -> None:
    assert round_up(value) == pytest.approx(top)


def test_a_constant_rate_and_one_epoch_are_drawn() -> None:
    assert "1 epoch" in words(draw_rate([0.0, 1.0], [0.1, 0.1], 1))
