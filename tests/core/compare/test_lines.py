"""A line is what the run or the mean of its seeds says, and outliers can be left out of the frame."""

import json
from typing import Any

import numpy as np
import pytest

from core.compare.curves import draw_curves
from core.compare.lines import CurveView
from core.system import files
from tests.compared_runs import look, make_compared, units_of
from tests.core.compare.drawn import traces_of, unpack
from tests.pages.sample_runs import make_rows, make_run

pytestmark = pytest.mark.usefixtures("lab_folders")


@pytest.mark.parametrize("spread", ["sd", "se"])
def test_a_groups_line_is_the_mean_and_its_band_the_spread_of_its_seeds(spread: Any) -> None:
    tops = (0.6, 0.7, 0.9)
    runs = [make_compared(None, seed=seed, top=top) for seed, top in enumerate(tops)]
    unit = units_of(*runs)[0]
    traces = traces_of(draw_curves("accuracy", [unit], CurveView(spread=spread)).figure)
    values = np.stack([[row["val/accuracy"] for row in run.rows] for run in unit.runs])
    reach = values.std(0, ddof=1) / (np.sqrt(3) if spread == "se" else 1)
    key = f"{unit.id}-val-accuracy"
    np.testing.assert_allclose(unpack(traces[key]["y"]), values.mean(0), rtol=1e-6)
    np.testing.assert_allclose(unpack(traces[f"{key}-low"]["y"]), values.mean(0) - reach, rtol=1e-5)
    np.testing.assert_allclose(unpack(traces[f"{key}-high"]["y"]), values.mean(0) + reach, rtol=1e-5)
    assert unpack(traces[key]["customdata"]).tolist() == [3] * 5


def test_a_seed_that_stopped_early_leaves_the_mean_of_the_others() -> None:
    long = make_compared(None, seed=0)
    short = make_compared(None, seed=1, epochs_done=2, state="stopped")
    unit = units_of(long, short)[0]
    trace = traces_of(draw_curves("accuracy", [unit], CurveView()).figure)[f"{unit.id}-val-accuracy"]
    assert unpack(trace["customdata"]).tolist() == [2, 2, 1, 1, 1]
    assert unpack(trace["y"])[-1] == pytest.approx(look(long)[0].rows[-1]["val/accuracy"])


@pytest.mark.parametrize(("axis", "column"), [("epoch", "epoch"), ("step", "step"), ("minutes", "seconds")])
def test_the_axis_across_is_epoch_step_or_minutes(axis: Any, column: str) -> None:
    unit = units_of(make_run())[0]
    trace = traces_of(draw_curves("loss", [unit], CurveView(x=axis)).figure)[f"{unit.id}-val-loss"]
    expected = unit.first.column(column) / (60 if axis == "minutes" else 1)
    np.testing.assert_allclose(unpack(trace["x"]), expected, rtol=1e-6)


def test_a_last_epoch_of_a_quarter_of_the_images_ends_after_a_quarter_of_an_epoch() -> None:
    run = make_run(settings=("train.epochs=5", "train.last_epoch=0.25"))
    trace = traces_of(draw_curves("loss", units_of(run), CurveView()).figure)[f"{run.id}-val-loss"]
    assert unpack(trace["x"]).tolist() == [1, 2, 3, 4, 4.25]


def test_outliers_leave_the_frame_and_are_counted() -> None:
    run = make_run()
    rows = make_rows(40)
    for row in rows:
        row["train/loss"] = row["val/loss"] = 1 + row["epoch"] / 100
    rows[0]["val/loss"] = 50.0
    rows[1]["train/loss"] = 40.0
    (run.path / "metrics.jsonl").write_bytes(b"".join(map(files.to_line, rows)))
    units = units_of(run)
    whole, clipped = (draw_curves("loss", units, CurveView(clip=clip)) for clip in (False, True))
    assert whole.notes == ()
    assert clipped.notes == ("2 points hidden",)
    low, high = json.loads(clipped.figure)["layout"]["yaxis"]["range"]
    assert low < 1.01
    assert 1.4 < high < 2
    # The lines themselves are whole: zooming out brings everything back.
    assert unpack(traces_of(clipped.figure)[f"{run.id}-val-loss"]["y"]).max() == 50
