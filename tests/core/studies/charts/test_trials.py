"""A study over its trials and its time, as Optuna draws it."""

from __future__ import annotations

import math

import optuna
import pytest

from core.studies.points import Points
from tests.core.studies.charts.drawn import LOSSES, draw, fill, make_spec, make_trial, points_of, trace, unpack


def test_history_draws_what_optuna_draws(mixed: Points) -> None:
    trials = [make_trial(index, [loss]) for index, loss in enumerate(LOSSES)]
    theirs = optuna.visualization.plot_optimization_history(fill(make_spec(), trials))
    ours = draw("History", mixed)
    assert unpack(trace(ours, "finished")["y"]) == pytest.approx(list(theirs.data[0].y))
    assert unpack(trace(ours, "best")["y"])[:5] == pytest.approx(list(theirs.data[1].y))


def test_pruned_trials_can_be_shown_and_never_count_as_best(mixed: Points) -> None:
    without, with_pruned = draw("History", mixed), draw("History", mixed, pruned=True)
    assert "pruned" not in {found["uid"] for found in without["data"]}
    pruned = trace(with_pruned, "pruned")
    assert (pruned["customdata"], unpack(pruned["y"])) == ([5], pytest.approx([0.3]))
    assert min(unpack(trace(with_pruned, "best")["y"])) == pytest.approx(0.4)


def test_best_so_far_rises_where_accuracy_is_raised() -> None:
    points = points_of(make_spec("val/accuracy"), [make_trial(i, [v]) for i, v in enumerate([0.5, 0.4, 0.8])])
    assert unpack(trace(draw("History", points), "best")["y"]) == pytest.approx([0.5, 0.5, 0.8, 0.8])


def test_intermediate_values_keep_every_curve_apart(mixed: Points) -> None:
    figure = draw("Intermediate Values", mixed, pruned=True)
    assert trace(figure, "best")["name"] == "Best: trial 3"
    finished = trace(figure, "finished")
    gaps = [math.isnan(value) for value in unpack(finished["y"])]
    assert gaps == [False, False, True] * 4
    assert finished["customdata"] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 4, 4, 4]
    assert {found["uid"] for found in figure["data"]} == {"best", "finished", "pruned", "failed"}
    assert "pruned" not in {found["uid"] for found in draw("Intermediate Values", mixed)["data"]}


def test_a_share_has_a_space_before_the_sign_at_the_pointer_of_every_figure() -> None:
    points = points_of(make_spec("val/accuracy"), [make_trial(i, [v], curve=[v]) for i, v in enumerate([0.5, 0.841])])
    best = trace(draw("Intermediate Values", points), "best")
    assert best["text"][0] == "84.10 %"
    assert "%{text}<" in best["hovertemplate"]
    assert "Validation accuracy 50.00 %" in trace(draw("History", points), "finished")["hovertext"][0]


def test_the_timeline_shows_when_and_how_each_trial_ended(mixed: Points) -> None:
    figure = draw("Timeline", mixed)
    assert {found["name"] for found in figure["data"]} == {"Finished", "Pruned", "Failed"}
    finished = trace(figure, "finished")
    assert finished["base"][1] == "2026-03-01T12:00:20.000"
    assert finished["x"][1] == 15_000
