"""A study over its fields: every trial on its own scale, the best on top."""

from __future__ import annotations

import numpy as np
import pytest

from core.studies.charts.axes import StudyView
from core.studies.charts.plots import draw_study
from core.studies.importance import Importance
from core.studies.points import Points, find_front
from tests.core.studies.charts.drawn import FIELDS, draw, fill, make_spec, make_trial, points_of, trace, unpack


def test_slice_shows_every_field_on_its_own_scale(mixed: Points) -> None:
    figure = draw("Slice", mixed)
    assert len(figure["data"]) == len(FIELDS)
    axes = [figure["layout"][name] for name in ("xaxis", "xaxis2", "xaxis3", "xaxis4")]
    assert [axis["title"]["text"] for axis in axes] == ["Learning rate", "Stem channels", "Optimizer", "Dropout"]
    assert axes[0]["type"] == "log"
    assert axes[2]["ticktext"] == ["SGD with momentum", "Adam"]


@pytest.mark.parametrize("plot", ["Slice", "Contour", "Rank"])
def test_choices_stand_on_their_value(plot: str) -> None:
    """A trial with 16 channels beside the tick of 16 would read as one with 14."""
    points = points_of(make_spec(), [make_trial(i, [0.5 + 0.1 * i]) for i in range(8)])
    figure = draw(plot, points, fields=("model.stem_channels", "train.optimizer"))
    (trials,) = (found for found in figure["data"] if found["uid"] in ("slice0", "trials"))
    places, axis = unpack(trials["x"]), figure["layout"]["xaxis"]
    assert set(places) == {0.0, 1.0}
    assert (axis["tickvals"], axis["ticktext"]) == ([0, 1], ["16", "32"])


def test_importance_shows_intervals_and_says_what_it_leaves_out(mixed: Points) -> None:
    figure = draw("Importance", mixed)
    (bars,) = figure["data"]
    assert unpack(bars["error_x"]["array"]) == pytest.approx([0.15] * 4)
    assert unpack(bars["error_x"]["arrayminus"]) == pytest.approx([0.15] * 4)
    assert "2 pruned, failed or infeasible are left out" in figure["notes"][1]
    assert "may be chance" in figure["notes"][2]
    unknown = draw_study("Importance", mixed, StudyView(), Importance(reason="Nothing is known."))
    assert (unknown.figure, unknown.notes) == ("", ("Nothing is known.",))


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


def test_the_pareto_front_is_optunas_own() -> None:
    spec = make_spec("val/accuracy", "parameters")
    trials = [make_trial(i, [0.5 + 0.4 * (i * 0.37 % 1), 1e6 * (1 + (i * 0.61 % 1))]) for i in range(30)]
    study, points = fill(spec, trials), points_of(spec, trials)
    expected = {trial.number for trial in study.best_trials}
    assert set(points.numbers[find_front(points)]) == expected
    assert set(trace(draw("Pareto Front", points), "pareto")["customdata"]) == expected
