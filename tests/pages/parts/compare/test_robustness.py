"""Robustness of several runs side by side, and a button for those that are not measured yet."""

import json

import pytest

from core.examine import robustness
from core.system import files
from tests.measured import answer, make_measurable
from tests.pages.compare_page import address_of, choose
from tests.pages.conftest import component_data, labels, press, texts
from tests.pages.sample_runs import make_run

CHART = "resnet_lab_chart"


@pytest.fixture(autouse=True)
def measures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robustness, "_under_way", {})
    monkeypatch.setattr(robustness, "call", answer)


def test_what_is_missing_is_measured_by_one_click_and_stands_side_by_side(open_page) -> None:
    a, b = make_measurable(name="a"), make_measurable(name="b")
    page = open_page("compare", ids=address_of(a, b), tab="Robustness", fold="false")
    assert "Not measured yet: a, b." in texts(page)
    press(page, "Measure 2 runs")
    charts = component_data(page, CHART)
    assert [chart["title"] for chart in charts] == list(robustness.TITLES.values())
    assert [trace["name"] for trace in json.loads(charts[0]["figure"])["data"]] == ["a", "b"]
    assert "</span>a</td><td>100.00 %</td><td>70.00 %</td>" in texts(page)
    assert not any(label.startswith("Measure") for label in labels(page))


def test_seeds_are_one_line_and_what_has_no_checkpoint_is_named(open_page) -> None:
    seeds = [make_measurable(name=f"net seed {seed}") for seed in range(2)]
    bare = make_run(name="bare", settings=("train.epochs=7",))
    for run in seeds:
        robustness.measure(run, robustness_weights(run)).result()
    page = open_page("compare", ids=address_of(*seeds, bare), tab="Robustness")
    assert "Without a checkpoint of these weights, or without validation images: bare." in texts(page)
    (trace,) = json.loads(component_data(page, CHART)[0]["figure"])["data"]
    assert trace["name"] == "net"
    choose(page, "Tested with", "best")
    assert "Not measured yet" in texts(page)


def robustness_weights(run):
    from core.examine.weights import find_weights

    return find_weights(run, "last")


def test_figures_of_other_images_are_told(open_page) -> None:
    a, b = make_measurable(name="a"), make_measurable(name="b")
    for run in (a, b):
        robustness.measure(run, robustness_weights(run)).result()
    found = files.read_json(b.path / "robustness.json")
    found["measured"][0]["images"] = 40
    files.write_json(b.path / "robustness.json", found)
    page = open_page("compare", ids=address_of(a, b), tab="Robustness", fold="false")
    assert "They were measured on different images (20, 40)." in texts(page)
