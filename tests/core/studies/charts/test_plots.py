"""Optuna's figures hold the trials they should, as Optuna's own do, and stay small."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import FrozenTrial, TrialState, create_trial

from core.studies.charts.axes import StudyView
from core.studies.charts.plots import PLOTS, draw_study
from core.studies.importance import rank_fields
from core.studies.points import Points, find_front, gather_points
from core.studies.samplers import make_distribution
from core.studies.spec import StudySpec, parse_study

SPACE = [
    {"path": "train.learning_rate", "low": 1e-4, "high": 1e-1, "log": True},
    {"path": "model.stem_channels", "choices": [16, 32]},
    {"path": "train.optimizer", "choices": ["sgd", "adam"]},
    {"path": "model.dropout", "low": 0, "high": 0.5},
]
FIELDS = tuple(str(dimension["path"]) for dimension in SPACE)
WORKER = {"host": "elsewhere", "index": 0, "token": "t"}


def make_spec(*objectives: str) -> StudySpec:
    return parse_study({"space": SPACE, "objectives": list(objectives or ["val/loss"]), "trials": 50})


def make_trial(
    place: int,
    values: Sequence[float],
    state: TrialState = TrialState.COMPLETE,
    curve: Sequence[float] = (),
    learning_rate: float = 0.0,
) -> FrozenTrial:
    params: dict[str, Any] = {
        "train.learning_rate": learning_rate or 1e-4 * 10 ** (3 * (place * 0.37 % 1)),
        "model.stem_channels": [16, 32][place % 2],
        "train.optimizer": ["sgd", "adam"][place // 2 % 2],
        "model.dropout": 0.5 * (place * 0.61 % 1),
    }
    trial = create_trial(
        state=state,
        values=list(values) if state == TrialState.COMPLETE else None,
        params=params,
        distributions={dimension.path: make_distribution(dimension) for dimension in make_spec().space},
        intermediate_values=dict(enumerate(curve, start=1)),
        user_attrs={"worker": WORKER},
    )
    begun = datetime(2026, 3, 1, 12) + timedelta(seconds=20 * place)
    trial.datetime_start = None if state == TrialState.WAITING else begun
    trial.datetime_complete = begun + timedelta(seconds=15) if state.is_finished() else None
    return trial


def fill(spec: StudySpec, trials: Sequence[FrozenTrial]) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=spec.directions)
    study.add_trials(trials)
    return study


def points_of(spec: StudySpec, trials: Sequence[FrozenTrial]) -> Points:
    return gather_points("a study", spec, fill(spec, trials).get_trials(deepcopy=False))


def draw(plot: str, points: Points, **view: Any) -> dict[str, Any]:
    chosen = StudyView(**{"fields": FIELDS, **view})
    drawing = draw_study(plot, points, chosen, dict.fromkeys(FIELDS, 0.25))  # type: ignore[arg-type]
    return {**json.loads(drawing.figure), "notes": drawing.notes}


def unpack(array: Any) -> list[float]:
    """Numbers as the browser reads them."""
    if isinstance(array, dict):
        return [float(value) for value in np.frombuffer(base64.b64decode(array["bdata"]), np.dtype("<f4"))]
    return array


def trace(figure: dict[str, Any], uid: str) -> dict[str, Any]:
    return next(found for found in figure["data"] if found["uid"] == uid)


LOSSES = [0.9, 0.7, 0.8, 0.4, 0.6]


@pytest.fixture(scope="module")
def mixed() -> Points:
    """Five finished trials, then a pruned one below all of them and one that failed."""
    trials = [make_trial(place, [loss], curve=[2.0, loss]) for place, loss in enumerate(LOSSES)]
    trials.append(make_trial(5, [], TrialState.PRUNED, curve=[1.5, 0.3]))
    trials.append(make_trial(6, [], TrialState.FAIL, curve=[3.0]))
    return points_of(make_spec(), trials)


def test_history_draws_what_optuna_draws(mixed: Points) -> None:
    trials = [make_trial(place, [loss]) for place, loss in enumerate(LOSSES)]
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


@pytest.mark.parametrize("plot", ["History", "Slice", "Contour", "Rank", "Timeline", "Pareto Front"])
def test_every_point_tells_its_trial_when_clicked(plot: str) -> None:
    spec = make_spec("val/accuracy", "parameters") if plot == "Pareto Front" else make_spec()
    trials = [make_trial(place, [0.1 * place + 0.1, 1e6][: len(spec.objectives)]) for place in range(6)]
    figure = draw(plot, points_of(spec, trials))
    clicked = [number for found in figure["data"] for number in found.get("customdata", [])]
    assert set(clicked) == set(range(6))


def test_slice_shows_every_field_on_its_own_scale(mixed: Points) -> None:
    figure = draw("Slice", mixed)
    assert len(figure["data"]) == len(FIELDS)
    axes = [figure["layout"][name] for name in ("xaxis", "xaxis2", "xaxis3", "xaxis4")]
    assert [axis["title"]["text"] for axis in axes] == ["Learning rate", "Stem channels", "Optimizer", "Dropout"]
    assert axes[0]["type"] == "log"
    assert axes[2]["ticktext"] == ["SGD with momentum", "Adam"]
    # Choices are spread beside their tick, by less than half the way to the next.
    places = unpack(figure["data"][1]["x"])
    assert [round(place) for place in places] == [0, 1, 0, 1, 0]


def test_rank_colours_by_order_so_one_wild_value_hides_nothing() -> None:
    losses = [0.5, 0.4, 1e6, 0.3]
    figure = draw("Rank", points_of(make_spec(), [make_trial(i, [v]) for i, v in enumerate(losses)]))
    by_number = dict(zip(figure["data"][0]["customdata"], unpack(figure["data"][0]["marker"]["color"]), strict=True))
    assert [by_number[number] for number in (3, 1, 0, 2)] == pytest.approx([0, 1 / 3, 2 / 3, 1])


def test_a_contour_passes_through_its_trials_and_stays_between_them() -> None:
    trials = [make_trial(place, [0.2 + 0.1 * (place % 5)]) for place in range(20)]
    figure = draw("Contour", points_of(make_spec(), trials), fields=("train.learning_rate", "model.dropout"))
    heights = np.array(figure["data"][0]["z"])
    assert heights.shape == (40, 40)
    assert np.isfinite(heights).all()
    assert heights.min() >= 0.2
    assert heights.max() <= 0.6


def test_one_wild_value_does_not_take_all_colours() -> None:
    trials = [make_trial(place, [0.2 + 0.01 * place]) for place in range(20)] + [make_trial(20, [1e5])]
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


def test_intermediate_values_keep_every_curve_apart(mixed: Points) -> None:
    figure = draw("Intermediate Values", mixed, pruned=True)
    assert trace(figure, "best")["name"] == "Best: trial 3"
    finished = trace(figure, "finished")
    gaps = [math.isnan(value) for value in unpack(finished["y"])]
    assert gaps == [False, False, True] * 4
    assert finished["customdata"] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 4, 4, 4]
    assert {found["uid"] for found in figure["data"]} == {"best", "finished", "pruned", "failed"}
    assert "pruned" not in {found["uid"] for found in draw("Intermediate Values", mixed)["data"]}


def test_the_timeline_shows_when_and_how_each_trial_ended(mixed: Points) -> None:
    figure = draw("Timeline", mixed)
    assert {found["name"] for found in figure["data"]} == {"Finished", "Pruned", "Failed"}
    finished = trace(figure, "finished")
    assert finished["base"][1] == "2026-03-01T12:00:20.000"
    assert finished["x"][1] == 15_000


def test_importance_is_optunas_own_also_where_accuracy_is_raised() -> None:
    trials = [make_trial(i, [1 / (1 + abs(math.log10(3e-3 / (1e-4 * 10 ** (3 * (i * 0.37 % 1))))))]) for i in range(40)]
    spec = make_spec("val/accuracy")
    study = fill(spec, trials)
    assert rank_fields(spec, study) == optuna.importance.get_param_importances(study)
    both = make_spec("val/accuracy", "parameters")
    pairs = [make_trial(i, [trial.value or 0, 1e6]) for i, trial in enumerate(trials)]
    several = rank_fields(both, fill(both, pairs), 0)
    assert max(several, key=lambda path: several[path]) == "train.learning_rate"


def test_the_pareto_front_is_optunas_own() -> None:
    spec = make_spec("val/accuracy", "parameters")
    trials = [make_trial(i, [0.5 + 0.4 * (i * 0.37 % 1), 1e6 * (1 + (i * 0.61 % 1))]) for i in range(30)]
    study, points = fill(spec, trials), points_of(spec, trials)
    expected = {trial.number for trial in study.best_trials}
    assert set(points.numbers[find_front(points)]) == expected
    assert set(trace(draw("Pareto Front", points), "pareto")["customdata"]) == expected


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_no_trial_of_the_front_is_beaten_and_every_other_is(values: list[tuple[float, float, float]]) -> None:
    spec = make_spec("val/loss", "parameters", "minutes")
    points = points_of(spec, [make_trial(i, list(each)) for i, each in enumerate(values)])
    front = set(np.flatnonzero(find_front(points)))
    for row, own in enumerate(values):
        beaten = any(all(b <= a for a, b in zip(own, other, strict=True)) and other != own for other in values)
        assert (row in front) != beaten


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize("states", [[], ["waiting"], ["running"], ["finished"]])
def test_a_young_study_draws_or_says_why_not(plot: str, states: list[str]) -> None:
    kinds = {"waiting": TrialState.WAITING, "running": TrialState.RUNNING, "finished": TrialState.COMPLETE}
    trials = [make_trial(place, [0.5], kinds[state]) for place, state in enumerate(states)]
    figure = draw(plot, points_of(make_spec(), trials))
    assert figure["data"] or figure["notes"][0].endswith(".")


def test_figures_of_a_thousand_trials_stay_small() -> None:
    curve = [1 / epoch for epoch in range(1, 31)]
    states = [TrialState.COMPLETE, TrialState.COMPLETE, TrialState.PRUNED]
    trials = [make_trial(i, [0.5 + 0.3 * (i * 0.7 % 1)], states[i % 3], curve) for i in range(1000)]
    points = points_of(make_spec(), trials)
    for plot in PLOTS:
        drawing = draw_study(plot, points, StudyView(True, True, FIELDS), dict.fromkeys(FIELDS, 0.25))
        assert len(drawing.figure) < 500_000, plot
