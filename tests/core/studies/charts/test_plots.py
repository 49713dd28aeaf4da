"""Each of Optuna's figures is there at every age of a study, leads to its trials, and stays small."""

from __future__ import annotations

import pytest
from optuna.trial import TrialState

from core.studies.charts.axes import StudyView
from core.studies.charts.plots import PLOTS, draw_study
from tests.core.studies.charts.drawn import FIELDS, draw, make_importance, make_spec, make_trial, points_of


@pytest.mark.parametrize("plot", ["History", "Slice", "Contour", "Rank", "Timeline", "Pareto Front"])
def test_every_point_tells_its_trial_when_clicked(plot: str) -> None:
    spec = make_spec("val/accuracy", "parameters") if plot == "Pareto Front" else make_spec()
    trials = [make_trial(index, [0.1 * index + 0.1, 1e6][: len(spec.objectives)]) for index in range(6)]
    figure = draw(plot, points_of(spec, trials))
    clicked = [number for found in figure["data"] for number in found.get("customdata", [])]
    assert set(clicked) == set(range(6))


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize("states", [[], ["waiting"], ["running"], ["finished"]])
def test_a_young_study_draws_or_says_why_not(plot: str, states: list[str]) -> None:
    kinds = {"waiting": TrialState.WAITING, "running": TrialState.RUNNING, "finished": TrialState.COMPLETE}
    trials = [make_trial(index, [0.5], kinds[state]) for index, state in enumerate(states)]
    figure = draw(plot, points_of(make_spec(), trials))
    assert figure["data"] or figure["notes"][0].endswith(".")
    # Without data Plotly would draw axes from -1 to 6.
    assert bool(figure["data"]) == ("layout" in figure)


def test_figures_of_a_thousand_trials_stay_small() -> None:
    curve = [1 / epoch for epoch in range(1, 31)]
    states = [TrialState.COMPLETE, TrialState.COMPLETE, TrialState.PRUNED]
    trials = [make_trial(i, [0.5 + 0.3 * (i * 0.7 % 1)], states[i % 3], curve) for i in range(1000)]
    points = points_of(make_spec(), trials)
    for plot in PLOTS:
        drawing = draw_study(plot, points, StudyView(True, True, FIELDS), make_importance())
        assert len(drawing.figure) < 500_000, plot
