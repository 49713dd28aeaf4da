"""Colours are compared as the eye compares them, held against published figures."""

import numpy as np
import pytest

from core.charts.colours import (
    LEAST_CONTRAST,
    VISIONS,
    blend,
    difference_2000,
    find_contrast,
    find_differences,
    make_visible,
    to_lab,
    to_linear,
)

# Pairs of L*a*b* with their difference: Sharma, Wu & Dalal 2005, table 1. They hold every branch of the formula.
PAIRS = np.array(
    [
        [50.0000, 2.6772, -79.7751, 50.0000, 0.0000, -82.7485, 2.0425],
        [50.0000, 3.1571, -77.2803, 50.0000, 0.0000, -82.7485, 2.8615],
        [50.0000, 2.8361, -74.0200, 50.0000, 0.0000, -82.7485, 3.4412],
        [50.0000, -1.3802, -84.2814, 50.0000, 0.0000, -82.7485, 1.0000],
        [50.0000, -1.1848, -84.8006, 50.0000, 0.0000, -82.7485, 1.0000],
        [50.0000, -0.9009, -85.5211, 50.0000, 0.0000, -82.7485, 1.0000],
        [50.0000, 0.0000, 0.0000, 50.0000, -1.0000, 2.0000, 2.3669],
        [50.0000, -1.0000, 2.0000, 50.0000, 0.0000, 0.0000, 2.3669],
        [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0009, 7.1792],
        [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0010, 7.1792],
        [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0011, 7.2195],
        [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0012, 7.2195],
        [50.0000, -0.0010, 2.4900, 50.0000, 0.0009, -2.4900, 4.8045],
        [50.0000, -0.0010, 2.4900, 50.0000, 0.0010, -2.4900, 4.8045],
        [50.0000, -0.0010, 2.4900, 50.0000, 0.0011, -2.4900, 4.7461],
        [50.0000, 2.5000, 0.0000, 50.0000, 0.0000, -2.5000, 4.3065],
        [50.0000, 2.5000, 0.0000, 73.0000, 25.0000, -18.0000, 27.1492],
        [50.0000, 2.5000, 0.0000, 61.0000, -5.0000, 29.0000, 22.8977],
        [50.0000, 2.5000, 0.0000, 56.0000, -27.0000, -3.0000, 31.9030],
        [50.0000, 2.5000, 0.0000, 58.0000, 24.0000, 15.0000, 19.4535],
        [50.0000, 2.5000, 0.0000, 50.0000, 3.1736, 0.5854, 1.0000],
        [50.0000, 2.5000, 0.0000, 50.0000, 3.2972, 0.0000, 1.0000],
        [50.0000, 2.5000, 0.0000, 50.0000, 1.8634, 0.5757, 1.0000],
        [50.0000, 2.5000, 0.0000, 50.0000, 3.2592, 0.3350, 1.0000],
        [60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644],
        [63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630],
        [61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731],
        [35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645],
        [22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373],
        [36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146],
        [90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441],
        [90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381],
        [6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377],
        [2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082],
    ]
)


def test_differences_are_those_published_with_the_formula() -> None:
    np.testing.assert_allclose(difference_2000(PAIRS[:, :3], PAIRS[:, 3:6]), PAIRS[:, 6], atol=5e-5)
    np.testing.assert_allclose(difference_2000(PAIRS[:, 3:6], PAIRS[:, :3]), PAIRS[:, 6], atol=5e-5)


def test_primaries_have_their_published_lab() -> None:
    # Lindbloom's calculator, sRGB under D65.
    expected = [[100, 0, 0], [53.24, 80.09, 67.20], [87.73, -86.18, 83.18], [32.30, 79.19, -107.86], [0, 0, 0]]
    found = to_lab(to_linear(["#ffffff", "#ff0000", "#00ff00", "#0000ff", "#000000"]))
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_each_vision_leaves_white_as_it_is() -> None:
    for vision in VISIONS.values():
        np.testing.assert_allclose(vision @ np.ones(3), np.ones(3), atol=1e-5)


def test_two_colours_are_as_far_apart_as_for_the_eyes_that_tell_them_least() -> None:
    red, green = to_lab(to_linear(["#b03030", "#5c6b00"]))
    assert difference_2000(red, green) > 40
    assert find_differences(["#b03030"], ["#5c6b00"])[0, 0] < 12


def test_contrast_is_that_of_the_guidelines() -> None:
    assert find_contrast("#ffffff", "#000000") == pytest.approx(21)
    assert find_contrast("#777777", "#ffffff") == find_contrast("#ffffff", "#777777") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("ground", ["#ffffff", "#11151c"])
def test_what_cannot_be_seen_steps_away_from_its_ground_and_no_further_than_it_must(ground: str) -> None:
    for colour in ("#ffff00", "#000040", ground):
        found = make_visible(colour, ground)
        assert LEAST_CONTRAST <= find_contrast(found, ground) < LEAST_CONTRAST + 0.3 or found == colour
    assert make_visible("#c04060", ground) == "#c04060"


def test_a_scale_blends_its_stops() -> None:
    scale = ((0.0, "#000000"), (0.5, "#ff0000"), (1.0, "#ff8000"))
    assert [blend(scale, share) for share in (0, 0.25, 0.5, 1)] == ["#000000", "#800000", "#ff0000", "#ff8000"]
