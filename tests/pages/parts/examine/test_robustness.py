"""How the accuracy falls on spoiled images and what another set comes to, on the page."""

from concurrent.futures import Future
from pathlib import Path

import pytest
from PIL import Image

from core.examine import other_set, robustness
from core.helper.questions import QuestionError
from tests.examined import CLASSES
from tests.measured import answer, make_measurable
from tests.pages.conftest import component_data, press, texts

CHART = "resnet_lab_chart"


@pytest.fixture(autouse=True)
def measures(helper: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robustness, "_under_way", {})
    for module in (robustness, other_set):
        monkeypatch.setattr(module, "call", answer)


def open_tab(open_page, run):
    return open_page("examine", id=run.id, tab="Robustness")


def test_nothing_is_measured_before_it_is_asked_for(open_page) -> None:
    page = open_tab(open_page, make_measurable())
    assert "Hendrycks &amp; Dietterich 2019" in texts(page) or "Hendrycks & Dietterich 2019" in texts(page)
    assert component_data(page, CHART) == []


def test_one_click_measures_and_every_corruption_has_its_chart(open_page) -> None:
    run = make_measurable()
    page = open_tab(open_page, run)
    press(page, "Measure")
    assert [chart["title"] for chart in component_data(page, CHART)] == list(robustness.TITLES.values())
    assert "<td>100.00 %</td><td>70.00 %</td>" in texts(page)
    assert "-30.00" in texts(page)
    again = open_tab(open_page, run)
    assert len(component_data(again, CHART)) == 6


def test_a_failure_is_a_sentence_and_can_be_tried_again(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_, **__):
        future: Future = Future()
        future.set_exception(QuestionError("The images are gone."))
        return future

    monkeypatch.setattr(robustness, "call", fail)
    page = open_tab(open_page, make_measurable())
    press(page, "Measure")
    assert "could not be measured. The images are gone." in texts(page)
    monkeypatch.setattr(robustness, "call", answer)
    press(page, "Measure")
    assert len(component_data(page, CHART)) == 6


def test_another_set_is_measured_class_by_class(open_page, own_folders: Path) -> None:
    for label in range(CLASSES):
        folder = own_folders / "data" / "sets" / "photos" / f"kind {label}"
        folder.mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(folder / "a.png")
    page = open_tab(open_page, make_measurable())
    options = page.selectbox(key="examine.set").options
    assert options == ["photos"]
    page.selectbox(key="examine.set").select("photos").run()
    page.button(key="examine.set.measure").click().run()
    assert "photos: 20 of 30 images are right, accuracy 66.67 % (95 % interval" in texts(page)
    assert "<td>kind 9</td>" in texts(page)
