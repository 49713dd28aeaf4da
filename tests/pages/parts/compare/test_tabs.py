"""Each tab shows its view of the same runs, and says what it cannot show."""

import json
import shutil
from collections.abc import Sequence
from html import unescape

import pytest

from core.charts.figure import Drawing, lay_out, to_json
from core.compare.lines import CURVES, Curve, Part
from core.compare.units import Unit
from pages.parts.compare.curves import show_drawing
from pages.parts.compare.tabs import TABS
from tests.compared_runs import make_compared, right
from tests.pages.compare_page import address_of, choose, names
from tests.pages.conftest import component_data, texts
from tests.pages.sample_runs import make_run

CHART = "resnet_lab_chart"


@pytest.mark.parametrize("tab", ["Curves", "What differs", "Is it better?", "Scatter", "Parallel", "Disagreements"])
def test_a_name_is_text_on_every_tab(open_page, tab: str) -> None:
    name = "<img src=x onerror=alert(1)> *a* :red[b]"
    runs = [make_compared(right(15, 20), name=name), make_compared(right(9, 20), name="b", settings=["train.epochs=4"])]
    text = texts(open_page("compare", ids=address_of(*runs), tab=tab))
    assert "<img src=x" not in text


def test_only_what_differs_is_shown_with_the_baselines_value(open_page) -> None:
    a, b = make_run(name="a"), make_run(name="b", settings=("train.epochs=7",))
    page = open_page("compare", ids=address_of(a, b), tab="What differs")
    assert 'Epochs</th><td>5</td><td class=other title="Baseline: 5">7</td>' in texts(page)
    assert "Batch size" not in texts(page)
    choose(page, "All fields", True)
    assert "Batch size" in texts(page)
    one = open_page("compare", ids=address_of(a), tab="What differs")
    assert "One run differs from none. Choose runs adds another." in texts(one)


def test_seeds_of_one_spec_are_no_single_run_and_say_what_to_choose(open_page) -> None:
    seeds = [make_run(settings=(f"train.seed={seed}",)) for seed in range(3)]
    page = open_page("compare", ids=address_of(*seeds), tab="What differs")
    assert "All runs have the same spec but for their seed. Choose runs adds one of another spec." in texts(page)


def test_ranges_of_axes_that_are_not_drawn_are_not_told(open_page) -> None:
    runs = [make_run(settings=(f"train.learning_rate={rate}",)) for rate in (0.1, 0.01)]
    text = texts(open_page("compare", ids=address_of(*runs), tab="Parallel", brush="train.momentum:0.1:0.2"))
    assert "pass through the ranges" not in text
    assert "Drag along an axis" in text


def test_a_lone_run_says_what_to_choose(open_page) -> None:
    run = make_run()
    for tab in ("Is it better?", "Disagreements"):
        assert "Choose another run" in texts(open_page("compare", ids=run.id, tab=tab))


@pytest.mark.parametrize("tab", ["Curves", "What differs", "Is it better?", "Scatter", "Parallel", "Disagreements"])
def test_what_cannot_be_compared_is_told_at_its_place_and_the_rest_stays(open_page, company, pictures, tab) -> None:
    ids = address_of(*company.values())
    page = open_page("compare", ids=ids, tab=tab)
    # While it is shown, one is deleted and one is damaged.
    shutil.rmtree(company["gone"].path)
    (company["broken"].path / "spec.json").write_text("{")
    page.run()
    assert not page.exception, page.exception
    text = unescape(texts(page))
    assert f"There is no run {company['gone'].id}: it may have been deleted." in text
    assert f"The run {company['broken'].id} is left out, because it cannot be read: spec.json" in text
    assert "photos: another data set than the baseline's (CIFAR-10 instead of Digits (built in))" in text
    assert "split: other test and validation images than the baseline's" in text
    match tab:
        case "Curves":
            assert names(page) == ["base", "sound", "silent", "photos", "split", "odd"]
        case "Is it better?":
            assert "base is better by 15.0 points" in text
            assert "silent has no test predictions stored." in text
            assert "1 run cannot be compared" in text
            apart = text.index(
                "Of another data set (CIFAR-10) than the baseline (Digits (built in)): accuracies do not"
            )
            assert text.index("base is better by 15.0 points") < apart < text.index("photos</span>")
            assert "The two were tested on different images" in text
            assert "odd has no test predictions stored" in text
        case "Disagreements":
            assert "of 200 test images" in text


def test_axes_of_the_scatter_come_from_the_address_with_their_sources(open_page) -> None:
    runs = [make_run(preset=name, settings=("train.epochs=5",)) for name in ("report", "resnet18")]
    page = open_page("compare", ids=address_of(*runs), tab="Scatter")
    assert "He et al. 2015, arXiv:1512.03385" in texts(page)
    page = open_page("compare", ids=address_of(*runs), tab="Scatter", sx="Minutes", sy="Val. accuracy")
    (chart,) = component_data(page, CHART)
    assert chart["title"] == "Best val. accuracy by minutes"
    assert "He et al." not in texts(page)


def test_parallel_coordinates_show_the_chosen_fields(open_page) -> None:
    runs = [make_run(settings=("train.epochs=5", f"train.learning_rate={rate}")) for rate in (0.01, 0.1)]
    (chart,) = component_data(open_page("compare", ids=address_of(*runs), tab="Parallel"), CHART)
    assert json.loads(chart["figure"])["layout"]["xaxis"]["ticktext"] == ["Learning rate", "Best val. accuracy"]


def test_a_chart_and_a_metric_from_outside_are_shown_as_the_others_are(
    open_page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/EXTENDING.md tells."""

    def draw_epochs(units: Sequence[Unit]) -> Drawing:
        bars = {"type": "bar", "x": [unit.name for unit in units], "y": [len(unit.first.rows) for unit in units]}
        return Drawing(to_json([bars], lay_out("Epochs done", "", 1)), "Epochs done")

    def show_epochs(units: Sequence[Unit]) -> None:
        show_drawing(draw_epochs(units), key="compare.epochs", height=300)

    monkeypatch.setitem(TABS, "Epochs", show_epochs)
    monkeypatch.setitem(CURVES, "seconds", Curve("Seconds", (Part("seconds", "trained for"),), ",.0f", unit=" s"))
    runs = [make_run(name=name) for name in ("a", "b")]
    (chart,) = component_data(open_page("compare", ids=address_of(*runs), fold="false", tab="Epochs"), CHART)
    assert chart["title"] == "Epochs done"
    assert json.loads(chart["figure"])["data"][0]["y"] == [5, 5]
    (chart,) = component_data(open_page("compare", ids=address_of(*runs), fold="false", metric="Seconds"), CHART)
    figure = json.loads(chart["figure"])
    assert [trace["name"] for trace in figure["data"]] == ["a", "b"]
    assert (figure["layout"]["meta"]["nearest"], figure["layout"]["meta"]["unit"]) == (",.0f", " s")
