"""Points that a sentence speaks of and forecasts lie on the curve of a single run, and on no other chart."""

import json
from typing import Any

import pytest

from core.compare.curves import draw_curves
from core.compare.lines import CurveMetric, CurveView, Fan, Mark
from tests.compared_runs import units_of
from tests.core.compare.drawn import traces_of, unpack
from tests.pages.sample_runs import make_run

pytestmark = pytest.mark.usefixtures("lab_folders")
SAID = CurveView(
    marks=(Mark("val/loss", 2, "lowest <b>"), Mark("val/loss", 2, "again"), Mark("train/loss", 9, "not there")),
    fans=(Fan("val/loss", 5, 12, 0.1, 0.2, 0.3),),
)


def ends(metric: CurveMetric, view: CurveView, runs: int = 1) -> dict[str, dict[str, Any]]:
    """The overlays of a chart, by the end of their uid."""
    figure = draw_curves(metric, units_of(*(make_run() for _ in range(runs))), view).figure
    names = ("marks", "fan", "middle")
    return {name: trace for uid, trace in traces_of(figure).items() for name in names if uid.endswith(f"-{name}")}


def test_words_for_one_point_share_a_diamond_and_are_text() -> None:
    mark = ends("loss", SAID)["marks"]
    assert unpack(mark["x"]).tolist() == [2.0]
    assert unpack(mark["y"]).tolist() == pytest.approx([1.1])
    assert mark["text"] == ["lowest &lt;b&gt;; again"]


def test_a_fan_begins_at_the_last_point_and_the_axis_reaches_its_end() -> None:
    run = make_run()
    figure = draw_curves("loss", units_of(run), SAID).figure
    fan = traces_of(figure)[f"{run.id}-val-loss-fan"]
    assert (fan["x"], fan["y"]) == ([5, 12, 12, 5], pytest.approx([0.44, 0.1, 0.3, 0.44]))
    assert json.loads(figure)["data"][-1]["name"] == "forecast"


def test_the_end_of_a_fan_is_told_as_its_metric_is() -> None:
    fans = (Fan("val/loss", 5, 12, 0.1, 0.2, 0.3), Fan("val/accuracy", 5, 12, 0.8, 0.85, 0.9))
    told = {metric: ends(metric, CurveView(fans=fans))["middle"]["hovertemplate"] for metric in ("loss", "accuracy")}
    assert "end between 0.1000 and 0.3000<" in told["loss"]
    assert "end between 80.00 % and 90.00 %<" in told["accuracy"]


def test_of_several_runs_those_that_are_named_have_theirs_in_their_group() -> None:
    runs = [make_run(), make_run()]
    view = CurveView(
        marks=(Mark("val/loss", 2, "lowest", run=runs[1].id),),
        fans=(Fan("val/loss", 5, 12, 0.1, 0.2, 0.3, runs[0].id),),
    )
    traces = traces_of(draw_curves("loss", units_of(*runs, fold=False), view).figure)
    drawn = {uid: trace for uid, trace in traces.items() if uid.endswith(("-marks", "-fan", "-middle"))}
    assert sorted(drawn) == sorted(
        [f"{runs[0].id}-val-loss-fan", f"{runs[0].id}-val-loss-middle", f"{runs[1].id}-val-loss-marks"]
    )
    assert all(uid.startswith(trace["legendgroup"]) and not trace["showlegend"] for uid, trace in drawn.items())


def test_other_charts_have_neither() -> None:
    assert not ends("accuracy", SAID)
    assert not ends("loss", SAID, runs=2)
    assert list(ends("loss", CurveView(x="minutes", marks=SAID.marks, fans=SAID.fans))) == ["marks"]
