"""A study in a real browser: defined, started, watched without a reload, looked into, stopped, and gone on with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from core.studies.study import open_study
from tests.lab_server import LabServer

# Two cores, shared with other tests: patient, but every wait is for a condition.
WAIT = 120_000
# Trials that the History draws as finished.
COUNT_FINISHED = """() => {
  const plot = document.querySelector('.lab-plot');
  const finished = plot?._fullData?.find((trace) => trace.uid === 'finished');
  return finished ? finished.x.length : 0;
}"""
READ_ZOOM = "() => document.querySelector('.lab-plot')._fullLayout.xaxis.range"


@pytest.fixture
def own_runs(lab: LabServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process reads the studies of the server."""
    monkeypatch.setenv("RESNET_LAB_RUNS", str(lab.folder / "runs"))


def set_number(page: Page, label: str, value: str) -> None:
    field = page.get_by_role("textbox", name=label, exact=True)
    field.fill(value, timeout=WAIT)
    before = page.url
    field.press("Enter")
    page.wait_for_function("before => location.href !== before", arg=before, timeout=WAIT)  # it holds the new value


def start_study(page: Page, lab: LabServer, trials: int) -> str:
    page.goto(f"{lab.url}/studies?new=first-look")
    for label, value in (("Epochs a trial", "2"), ("Training images at most", "300"), ("Trials", str(trials))):
        set_number(page, label, value)
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url("**/studies?name=*", timeout=WAIT)
    return "first-look 1"


def wait_for_finished(page: Page, count: int) -> None:
    """Until the History, without a reload, draws so many finished trials."""
    page.wait_for_function(f"() => ({COUNT_FINISHED})() >= {count}", polling=100, timeout=WAIT)


def test_a_study_is_defined_watched_and_looked_into(context: BrowserContext, lab: LabServer, own_runs: None) -> None:
    page = context.new_page()
    name = start_study(page, lab, trials=200)
    wait_for_finished(page, 3)

    # A part of the chart is looked at; it stays while trials go on to arrive.
    box = page.locator(".lab-plot .nsewdrag").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + box["height"] - 5, steps=5)
    page.mouse.up()
    zoomed = page.evaluate(READ_ZOOM)
    wait_for_finished(page, page.evaluate(COUNT_FINISHED) + 2)
    assert page.evaluate(READ_ZOOM) == zoomed

    page.get_by_role("button", name="Stop after trials").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible(timeout=WAIT)
    done = open_study(name).summary()
    assert done.running == 0
    expect(page.get_by_text(f"of {done.total:,} trials")).to_be_visible()

    # A click on a point leads to Build, with the network of that trial.
    page.get_by_role("button", name="Reset", exact=True).dispatch_event("click")
    page.locator(".scatterlayer .trace .points path").last.click(force=True, timeout=WAIT)
    expect(page.get_by_role("button", name="Open in Build")).to_be_visible(timeout=WAIT)
    number = int(re.search(r"trial=(\d+)", page.url)[1])
    rate = open_study(name).frozen_trials()[number].params["train.learning_rate"]
    page.get_by_role("button", name="Open in Build").click()
    page.wait_for_url("**/build?spec=*", timeout=WAIT)
    shown = page.get_by_role("textbox", name="Learning rate", exact=True)
    expect(shown).to_be_visible(timeout=WAIT)
    assert float(shown.input_value()) == pytest.approx(rate, rel=1e-5)

    # Another day: it goes on where it was.
    page.goto(f"{lab.url}/studies?name={name}")
    page.get_by_role("button", name="Resume").click()
    wait_for_finished(page, done.done + 1)
    page.get_by_role("button", name="Stop now").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible(timeout=WAIT)

    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No studies yet")).to_be_visible(timeout=WAIT)
    assert list((lab.folder / "runs").glob("2*")), "the runs of a deleted study stay"


def test_optuna_dashboard_opens_from_the_page_and_in_no_frame(page: Page, lab: LabServer, tmp_path: Path) -> None:
    page.goto(f"{lab.url}/studies?new=first-look")
    page.get_by_role("button", name="Save without starting").click(timeout=WAIT)
    page.get_by_role("button", name="Start optuna-dashboard").click(timeout=WAIT)
    link = page.get_by_role("link", name="Open in optuna-dashboard")
    expect(link).to_be_visible(timeout=WAIT)
    address = link.get_attribute("href")
    assert address

    dashboard = page.context.new_page()
    dashboard.goto(address, timeout=WAIT)  # it has only just started
    expect(dashboard.get_by_text("first-look 1").first).to_be_visible(timeout=WAIT)

    foreign = tmp_path / "frame.html"
    foreign.write_text(f'<iframe id="frame" src="{address}"></iframe>')
    dashboard.goto(f"file://{foreign}")
    dashboard.wait_for_load_state()
    assert "first-look" not in (dashboard.frames[-1].content() if len(dashboard.frames) > 1 else "")

    page.get_by_role("button", name="Stop optuna-dashboard").click()
    expect(page.get_by_role("button", name="Start optuna-dashboard")).to_be_visible(timeout=WAIT)
