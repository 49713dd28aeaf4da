"""Figures and pictures of one model show what they are given."""

import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from core.charts.colours import LEAST_TEXT_CONTRAST, blend, find_contrast
from core.charts.palette import DARK_GROUND, LIGHT_GROUND, pick_ink
from core.examine.charts import draw_changes, draw_heat, draw_matrix, draw_picture, draw_reliability
from core.examine.history import read_history
from core.examine.predictions import Predicted, measure_reliability
from tests.core.compare.drawn import unpack
from tests.examined import make_examined, make_logits


def test_reliability_draws_only_bins_that_hold_images() -> None:
    predicted = Predicted(*make_logits(100, 5))
    measured = measure_reliability(predicted)
    trace = draw_reliability(pick_ink("run"), measured, None, 1.0).data[1]
    assert sum(trace.customdata) == 100
    assert not np.isnan(np.array(trace.y, float)).any()
    first = f"confidence {100 * trace.x[0]:.1f} %, accuracy {100 * trace.y[0]:.1f} %<br>{trace.customdata[0]} image"
    assert trace.text[0].startswith(first)


def test_learnt_points_up_and_forgotten_down() -> None:
    history = read_history(make_examined())
    learnt, lost = draw_changes("run", pick_ink("run"), history, 2).data
    assert (np.array(learnt.y) >= 0).all()
    assert (np.array(lost.y) <= 0).all()


def test_a_picture_without_heat_is_the_picture() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    cold, warm = np.zeros((8, 8), np.float32), np.eye(8, dtype=np.float32)
    assert draw_heat(pixels, cold) == draw_picture(pixels)
    assert draw_heat(pixels, warm) != draw_picture(pixels)
    shown = np.asarray(Image.open(io.BytesIO(draw_picture(pixels, 320))))
    np.testing.assert_array_equal(shown[::40, ::40], pixels)


def mix(stop: str, depth: float, ground: str) -> str:
    """What is seen of a cell of this depth, 0 to 1, whose colour is `rgba(r,g,b,1)` at 1 and 0.08 of it at 0."""
    red, green, blue = map(int, re.findall(r"\d+", stop)[:3])
    return blend(((0, ground), (1, f"#{red:02x}{green:02x}{blue:02x}")), 0.08 + 0.92 * depth)


@pytest.mark.parametrize("ground", [LIGHT_GROUND, DARK_GROUND])
@pytest.mark.parametrize("right", [1, 30, 60, 67, 70, 84, 86, 95, 99])
def test_the_figure_in_every_cell_of_the_picture_is_read(right: int, ground: str) -> None:
    figure = json.loads(draw_matrix(np.array([[right, 100 - right], [0, 100]]), ["a", "b"]).figure)
    cells, *texts = figure["data"]
    steps = figure["layout"]["meta"]["dark"] if ground == DARK_GROUND else {}
    depths = unpack(cells["z"]).reshape(2, 2)
    written = 0
    for text in texts:
        colour = steps.get(text["textfont"]["color"], text["textfont"]["color"])
        for x, y in zip(text["x"], text["y"], strict=True):
            depth = depths["ab".index(y), "ab".index(x)]
            shade = mix(cells["colorscale"][0 if depth < 0 else -1][1], abs(depth), ground)
            assert find_contrast(colour, shade) >= LEAST_TEXT_CONTRAST
            written += 1
    assert written == 3
