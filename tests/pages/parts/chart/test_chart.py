"""A chart gets its figure as it is, and metrics stand side by side, each in a chart of its own."""

import json

from streamlit.testing.v1 import AppTest

from tests.pages.conftest import component_data
from tests.pages.sample_runs import make_run

CHART = "resnet_lab_chart"


def test_a_chart_is_handed_its_figure_title_and_file_name() -> None:
    def show() -> None:
        from pages.parts.chart.chart import show_chart

        picked = show_chart('{"data": []}', key="mine", title="Loss", file_name="a-loss", picks=True)
        assert picked is None, "nothing was clicked"

    page = AppTest.from_function(show).run()
    assert not page.exception, page.exception
    (chart,) = component_data(page, CHART)
    assert (chart["figure"], chart["title"], chart["file_name"]) == ('{"data": []}', "Loss", "a-loss")
    assert (chart["picks"], chart["brushes"]) == (True, False)
    assert chart["plotly"].endswith(".min.js")


def test_metrics_of_several_runs_share_a_chart_each() -> None:
    ids = [make_run(name=name).id for name in ("a", "b")]

    def show(ids: list[str]) -> None:
        from core.compare.lines import CurveView
        from core.compare.snapshot import read_runs
        from pages.parts.chart.chart import show_metrics

        show_metrics(("loss", "accuracy"), read_runs(ids), CurveView(), key="k", file_name="both", height=200)

    page = AppTest.from_function(show, args=(ids,)).run()
    assert not page.exception, page.exception
    charts = component_data(page, CHART)
    assert [(chart["title"], chart["file_name"]) for chart in charts] == [
        ("Loss", "both-loss"),
        ("Accuracy", "both-accuracy"),
    ]
    for chart in charts:
        drawn = {trace["name"] for trace in json.loads(chart["figure"])["data"]}
        assert len([name for name in drawn if name.startswith(("a", "b"))]) >= 2
