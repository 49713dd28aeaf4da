"""A study over its fields: every trial on its own scale, the best on top."""

from __future__ import annotations

import numpy as np
import pytest

from core.studies.points import Points, find_front
from tests.core.studies.charts.drawn import FIELDS, LOSSES, draw, fill, make_spec, make_trial, points_of, trace, unpack


def test_slice_shows_every_field_on_its_own_scale(mixed: Points) -> None:
    figure = draw("Slice", mixed)
    assert len(figure["data"]) == len(FIELDS)
    axes = [figure["layout"][name] for name in ("xaxis", "xaxis2", "xaxis3", "xaxis4")]
    assert [axis["title"]["text"] for axis in axes] == ["Learning rate", "Stem channels", "Optimizer", "Dropout"]
    assert axes[0]["type"] == "log"
    assert axes[2]["ticktext"] == ["SGD with momentum", "Adam"]
    # Choices are spread beside their tick, by less than half the way to the next.
    places = unpack(figure["data"][1]["x"])
    assert [round(index) for index in places] == [0, 1, 0, 1, 0]


def test_rank_colours_by_order_so_one_wild_value_hides_nothing() -> None:
    losses = [0.5, 0.4, 1e6, 0.3]
    figure = draw("Rank", points_of(make_spec(), [make_trial(i, [v]) for i, v in enumerate(losses)]))
    by_number = dict(zip(figure["data"][0]["customdata"], unpack(figure["data"][0]["marker"]["color"]), strict=True))
    assert [by_number[number] for number in (3, 1, 0, 2)] == pytest.approx([0, 1 / 3, 2 / 3, 1])


def test_a_contour_passes_through_its_trials_and_stays_between_them() -> None:
    trials = [make_trial(index, [0.2 + 0.1 * (index % 5)]) for index in range(20)]
    figure = draw("Contour", points_of(make_spec(), trials), fields=("train.learning_rate", "model.dropout"))
    heights = np.array(figure["data"][0]["z"])
    assert heights.shape == (40, 40)
    assert np.isfinite(heights).all()
    assert heights.min() >= 0.2
    assert heights.max() <= 0.6


def test_one_wild_value_does_not_take_all_colours() -> None:
    trials = [make_trial(index, [0.2 + 0.01 * index]) for index in range(20)] + [make_trial(20, [1e5])]
    figure = draw("Contour", points_of(make_spec(), trials), fields=("train.learning_rate", "model.dropout"))
    assert figure["data"][0]["zmax"] < 1


def test_parallel_axes_hold_all_trials_and_the_best_lies_on_top() -> None:
    points = points_of(make_spec(), [make_trial(i, [v]) for i, v in enumerate(LOSSES)])
    found = draw("Parallel Coordinate", points)["data"][0]
    assert [axis["label"] for axis in found["dimensions"]][:2] == ["Validation loss", "Learning rate"]
    assert sorted(unpack(found["dimensions"][0]["values"])) == pytest.approx(sorted(LOSSES))
    # Plotly draws the highest colour last.
    colours, losses = unpack(found["line"]["color"]), unpack(found["dimensions"][0]["values"])
    assert losses[int(np.argmax(colours))] == pytest.approx(0.4)


def test_the_pareto_front_is_optunas_own() -> None:
    spec = make_spec("val/accuracy", "parameters")
    trials = [make_trial(i, [0.5 + 0.4 * (i * 0.37 % 1), 1e6 * (1 + (i * 0.61 % 1))]) for i in range(30)]
    study, points = fill(spec, trials), points_of(spec, trials)
    expected = {trial.number for trial in study.best_trials}
    assert set(points.numbers[find_front(points)]) == expected
    assert set(trace(draw("Pareto Front", points), "pareto")["customdata"]) == expected
