"""The address opens each figure of a study as it was left."""

from __future__ import annotations

import json

import pytest

from tests.pages.conftest import component_data
from tests.pages.sample_studies import make_spec, make_study


def figure(page) -> dict:  # type: ignore[no-untyped-def]
    return json.loads(component_data(page, "resnet_lab_chart")[0]["figure"])


@pytest.mark.parametrize(
    "plot",
    ["History", "Importance", "Slice", "Contour", "Parallel Coordinate", "Rank", "Timeline", "Intermediate Values"],
)
def test_the_address_opens_each_of_optunas_figures(open_page, plot: str) -> None:
    make_study("done")
    page = open_page("studies", name="done", plot=plot)
    chart = component_data(page, "resnet_lab_chart")
    assert [found["title"] for found in chart] == [plot]
    assert figure(page)["data"]


def test_pruned_trials_and_the_scale_follow_the_address(open_page) -> None:
    make_study("done")
    ids = {trace["uid"] for trace in figure(open_page("studies", name="done"))["data"]}
    assert ids == {"best", "pruned", "finished"}
    shown = figure(open_page("studies", name="done", pruned="false", log="true"))
    assert {trace["uid"] for trace in shown["data"]} == {"best", "finished"}
    assert shown["layout"]["yaxis"]["type"] == "log"


def test_a_study_of_several_objectives_begins_with_its_pareto_front(open_page) -> None:
    make_study("several", spec=make_spec(objectives=["val/loss", "parameters"]))
    page = open_page("studies", name="several")
    assert component_data(page, "resnet_lab_chart")[0]["title"] == "Pareto Front"


def test_ranges_of_parallel_axes_follow_the_address_and_name_the_trials(open_page) -> None:
    make_study("done")
    page = open_page("studies", name="done", plot="Parallel Coordinate", brush="Validation loss:0:0.1;nonsense")
    brush = figure(page)["layout"]["meta"]["brush"]
    assert [axis["range"] for axis in brush if axis["key"] == "Validation loss"] == [[0, 0.1]]
    said = [str(caption.value) for caption in page.caption]
    assert "1 of 9 trials within the ranges: 3. Click a range to lift it." in said
    assert any(
        "Drag along an axis" in str(each.value)
        for each in open_page("studies", name="done", plot="Parallel Coordinate").caption
    )
