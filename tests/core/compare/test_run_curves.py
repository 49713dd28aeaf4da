"""Curves are drawn as measured, and told apart by everybody."""

import colorsys
import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.charts.lines import MAX_POINTS, smooth, thin
from core.charts.palette import PALETTE, pick_symbols, run_colour
from core.compare.run_curves import RunCurves, View, draw_metric
from core.runs.metrics import best_epoch
from tests.pages.sample_runs import make_rows

# Machado, Oliveira & Fernandes 2009, severity 1.0, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def to_linear(colour: str) -> np.ndarray:
    share = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def to_lab(linear: np.ndarray) -> np.ndarray:
    """CIE 1976 L*a*b* under D65."""
    x, y, z = XYZ @ np.clip(linear, 0, 1) / np.array([0.95047, 1.0, 1.08883])
    fx, fy, fz = (value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116 for value in (x, y, z))
    return np.array([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)])


def contrast(one: str, other: str) -> float:
    """WCAG's contrast ratio."""
    first, second = sorted((float(XYZ[1] @ to_linear(colour)) for colour in (one, other)), reverse=True)
    return (first + 0.05) / (second + 0.05)


@pytest.mark.parametrize("vision", VISION)
def test_colours_of_runs_stay_apart_for_colour_blind_people(vision: str) -> None:
    labs = [to_lab(VISION[vision] @ to_linear(colour)) for colour in PALETTE]
    distances = [float(np.linalg.norm(one - other)) for one, other in itertools.combinations(labs, 2)]
    # 2.3 is a just noticeable difference; lines are thin, so they need several times that.
    assert min(distances) > 15


@pytest.mark.parametrize("ground", ["#ffffff", "#11151c"])
def test_colours_of_runs_are_seen_on_both_themes(ground: str) -> None:
    assert min(contrast(colour, ground) for colour in PALETTE) > 2.4


def test_no_colour_of_a_run_is_a_grey() -> None:
    rgb = [[int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)] for colour in PALETTE]
    assert min(colorsys.rgb_to_hls(*each)[2] for each in rgb) > 0.15


def test_colour_is_the_same_in_every_process_and_all_colours_are_used() -> None:
    # Written down: a run keeps its colour from one version to the next.
    assert run_colour("20260101-120000-000-abcdef") == "#5490fc"
    assert {run_colour(str(place)) for place in range(500)} == set(PALETTE)


def test_runs_of_one_colour_get_markers_of_their_own() -> None:
    by_colour: dict[str, list[str]] = {}
    for place in range(200):
        by_colour.setdefault(run_colour(str(place)), []).append(str(place))
    same = next(ids for ids in by_colour.values() if len(ids) >= 3)[:3]
    symbols = pick_symbols(same)
    assert same[0] not in symbols
    assert symbols[same[1]] != symbols[same[2]]


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=60), st.floats(0.01, 0.99))
def test_smoothing_is_the_debiased_average_of_the_textbook(values: list[float], weight: float) -> None:
    mean, expected = 0.0, []
    for step, value in enumerate(values, start=1):
        mean = weight * mean + (1 - weight) * value
        expected.append(mean / (1 - weight**step))
    assert smooth(pd.Series(values), weight).tolist() == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_smoothing_at_its_ends_is_the_raw_line_and_the_running_mean() -> None:
    values = pd.Series([1.0, 2.0, 6.0])
    assert smooth(values, 0).tolist() == [1.0, 2.0, 6.0]
    assert smooth(values, 1).tolist() == [1.0, 1.5, 3.0]


def test_a_gap_stays_a_gap_and_spoils_nothing_after_it() -> None:
    smoothed = smooth(pd.Series([1.0, np.nan, 1.0]), 0.5)
    assert math.isnan(smoothed[1])
    assert smoothed[2] == pytest.approx(1.0)


@given(st.integers(0, 5000), st.integers(4, 500), st.integers(0, 2**32 - 1))
def test_thinning_keeps_ends_and_extremes_in_order(count: int, points: int, seed: int) -> None:
    values = np.random.default_rng(seed).standard_normal(count, dtype=np.float32)
    places = thin(values, points)
    assert len(places) <= max(points, 4)
    assert (np.diff(places) > 0).all()
    if count:
        assert {0, count - 1} <= set(places)
        assert values[places].max() == values.max()
        assert values[places].min() == values.min()


def test_best_epoch_is_chosen_on_validation_accuracy_then_on_validation_loss() -> None:
    frame = pd.DataFrame({"epoch": [1, 2, 3], "val/accuracy": [0.5, 0.9, 0.9], "val/loss": [1.0, 0.4, 0.3]})
    assert best_epoch(frame) == 3
    assert best_epoch(frame.iloc[:0]) is None
    assert best_epoch(frame.assign(**{"val/accuracy": np.nan})) is None


def curves(name: str = "a run", epochs: int = 12, run_id: str = "1") -> RunCurves:
    return RunCurves(run_id, name, pd.DataFrame(make_rows(epochs)))


def trace(figure, uid: str):  # type: ignore[no-untyped-def]
    return next(trace for trace in figure.data if trace.uid == uid)


def test_training_is_dashed_validation_solid_and_both_have_the_colour_of_the_run() -> None:
    figure = draw_metric("loss", [curves()])
    training, validation = trace(figure, "1-train-loss"), trace(figure, "1-val-loss")
    assert (training.line.dash, validation.line.dash) == ("dash", "solid")
    assert training.line.color == validation.line.color == run_colour("1")
    assert validation.y.tolist() == pytest.approx([2.2 / epoch for epoch in range(1, 13)])


def test_smoothing_draws_the_raw_line_faint_behind() -> None:
    figure = draw_metric("loss", [curves()], View(smoothing=0.6))
    names = [trace.uid for trace in figure.data]
    assert names.index("1-val-loss-raw") < names.index("1-val-loss")
    raw = trace(figure, "1-val-loss-raw")
    assert raw.opacity < 0.5
    assert raw.y.tolist() == pytest.approx([2.2 / epoch for epoch in range(1, 13)])
    # Speeds and rates are told as they were.
    assert len(draw_metric("learning_rate", [curves()], View(smoothing=0.6)).data) == 1


def test_the_ring_stands_at_the_best_epoch() -> None:
    ring = trace(draw_metric("accuracy", [curves()]), "1-best")
    assert ring.x == (11,)
    assert ring.y[0] == pytest.approx(0.9)


def test_minutes_on_x_are_seconds_of_training() -> None:
    figure = draw_metric("accuracy", [curves()], View(x="minutes"))
    assert trace(figure, "1-val-accuracy").x.tolist() == pytest.approx([3 * epoch / 60 for epoch in range(1, 13)])


def test_zoom_is_kept_until_the_meaning_of_an_axis_changes() -> None:
    plain, longer = draw_metric("loss", [curves()]), draw_metric("loss", [curves(epochs=13)])
    assert plain.layout.uirevision == longer.layout.uirevision
    assert plain.layout.xaxis.uirevision == longer.layout.xaxis.uirevision
    assert plain.layout.xaxis.uirevision != draw_metric("loss", [curves()], View(x="minutes")).layout.xaxis.uirevision
    assert plain.layout.yaxis.uirevision != draw_metric("loss", [curves()], View(log=True)).layout.yaxis.uirevision


def test_log_scale_is_for_loss_and_rate_alone() -> None:
    types = {
        metric: draw_metric(metric, [curves()], View(log=True)).layout.yaxis.type for metric in ("loss", "accuracy")
    }
    assert types == {"loss": "log", "accuracy": "linear"}


def test_a_name_is_text_in_a_figure() -> None:
    figure = draw_metric("loss", [curves("<b>%{y}</b>", run_id="1"), curves("other", run_id="2")])
    shown = trace(figure, "1-val-loss")
    assert shown.name == "&lt;b&gt;%&#123;y}&lt;/b&gt;"
    assert "<b>" not in shown.hovertemplate
    assert shown.hovertemplate.count("%{") == 1


def test_a_long_run_is_thinned_and_travels_as_bytes() -> None:
    figure = draw_metric("loss", [curves(epochs=6000)])
    assert len(trace(figure, "1-val-loss").x) <= MAX_POINTS
    assert len(figure.to_json()) < 40_000


def test_a_run_without_an_epoch_or_a_column_makes_an_empty_chart() -> None:
    empty = RunCurves("1", "new", pd.DataFrame(make_rows(3)).iloc[:0])
    for metric in ("loss", "accuracy", "learning_rate", "images_per_second", "use", "memory"):
        draw_metric(metric, [empty]).to_json()
    assert not draw_metric("use", [RunCurves("1", "old", pd.DataFrame({"epoch": [1]}))]).data
