"""Figures and pictures of one model show what they are given."""

import io

import numpy as np
from PIL import Image

from core.charts.palette import pick_ink
from core.examine.charts import draw_changes, draw_heat, draw_picture, draw_reliability
from core.examine.history import read_history
from core.examine.predictions import Predicted, measure_reliability
from tests.examined import make_examined, make_logits


def test_reliability_draws_only_bins_that_hold_images() -> None:
    predicted = Predicted(*make_logits(100, 5))
    measured = measure_reliability(predicted)
    trace = draw_reliability(pick_ink("run"), measured, None, 1.0).data[1]
    assert sum(trace.customdata) == 100
    assert not np.isnan(np.array(trace.y, float)).any()


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
