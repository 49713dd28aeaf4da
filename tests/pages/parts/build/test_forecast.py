"""Build's forecast: measured on request, shown at once for every spec of the same shape, with its failures in words."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from core.launch import estimates
from core.launch.estimates import Measurements
from pages.parts.build import forecast
from tests.core.workers import wait_for
from tests.pages.build_page import draft_of, key_of, problems_shown, set_number
from tests.pages.conftest import labels, press, texts

MEASURE, AGAIN = "Measure time and memory", "Measure again"


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch) -> Measurements:
    measurements = Measurements()
    monkeypatch.setattr(forecast, "MEASUREMENTS", measurements)
    return measurements


def measure_by(fake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimates, "MEASURE", f"tests.core.launch.measuring:{fake}")


def wait_and_rerun(page: AppTest, ours: Measurements) -> None:
    wait_for(lambda: not ours.is_under_way(draft_of(page).good))
    page.run()
    assert not page.exception, page.exception


def test_it_is_measured_on_request_and_kept_for_the_shape(
    open_page: Callable[..., AppTest], ours: Measurements, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure_by("answer_slowly", monkeypatch)
    page = open_page("build")
    assert 'data-testid="forecast"' not in texts(page)
    press(page, MEASURE)
    assert "Measuring on cpu" in texts(page)
    wait_and_rerun(page, ours)
    # 1,374 training images in 22 batches of 64, 153 to validate on.
    assert "<b>4.2 s</b> an epoch" in texts(page)
    assert "<b>25 s</b> for 6 epochs" in texts(page)
    assert "<b>2,048</b> largest batch" in texts(page)
    assert AGAIN in labels(page)
    set_number(page, key_of(page, "train.epochs"), 2)
    assert "<b>8.4 s</b> for 2 epochs" in texts(page)
    set_number(page, key_of(page, "train.batch_size"), 32)
    assert 'data-testid="forecast"' not in texts(page)
    assert MEASURE in labels(page)


def test_a_measured_preset_says_when_it_reaches_its_accuracy_here(
    open_page: Callable[..., AppTest], ours: Measurements, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure_by("answer", monkeypatch)
    page = press(open_page("build", preset="report-in-minutes"), MEASURE)
    wait_and_rerun(page, ours)
    # Four epochs: 90 batches of 0.1 s each, 5,000 images of 0.01 s to validate on, and its end.
    assert "<b>84.1 %</b> in about 4 min on this machine" in texts(page)
    set_number(page, key_of(page, "train.epochs"), 3)
    assert "84.1 %" not in texts(page)


@pytest.mark.parametrize("busy", [10.0, 97.0])
def test_a_measurement_on_a_busy_machine_says_so(
    busy: float, open_page: Callable[..., AppTest], ours: Measurements, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure_by("answer", monkeypatch)
    monkeypatch.setattr(estimates, "read_use", lambda device: {"utilisation": busy})
    page = press(open_page("build"), MEASURE)
    wait_and_rerun(page, ours)
    assert ("measured while cpu was 97 % busy with other work" in texts(page)) == (busy > 50)


def test_a_measurement_that_fails_says_why_and_can_be_tried_again(
    open_page: Callable[..., AppTest], ours: Measurements, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure_by("refuse", monkeypatch)
    page = press(open_page("build"), MEASURE)
    wait_and_rerun(page, ours)
    assert problems_shown(page) == ["Memory ran out on cpu."]
    measure_by("answer", monkeypatch)
    press(page, MEASURE)
    wait_and_rerun(page, ours)
    assert problems_shown(page) == []
    assert 'data-testid="forecast"' in texts(page)


def test_what_cannot_be_run_cannot_be_measured(open_page: Callable[..., AppTest], ours: Measurements) -> None:
    page = open_page("build")
    page.text_input(key=key_of(page, "model.pool_size")).set_value("200").run()
    assert next(button for button in page.button if button.label == MEASURE).disabled
