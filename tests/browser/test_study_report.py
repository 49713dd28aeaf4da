"""The student report's search on real photographs, from its preset to the test accuracy of its best network.

Twenty trials as the preset says, on so few images that two cores manage them in a minute.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from core.runs.store import open_run
from core.studies.charts.plots import PLOTS
from core.studies.spec import STUDY_PRESETS
from core.studies.study import open_study
from tests.browser.test_studies import WAIT, own_runs, set_number, wait_for_finished
from tests.folders import copy_images
from tests.lab_server import LabServer

pytestmark = pytest.mark.slow
END = 600_000
TRAIN, TEST = 3, 5  # photographs a class
__all__ = ["own_runs"]


@pytest.fixture
def photographs(images_folder: Path, tmp_path: Path) -> Path:
    """A few of the real images, in folders as they are."""
    return copy_images(images_folder, tmp_path / "photographs", TRAIN, TEST)


def define(page: Page, lab: LabServer, photographs: Path) -> None:
    """The preset as it stands, on these photographs and for one epoch a trial."""
    page.goto(f"{lab.url}/studies")
    page.get_by_role("button", name="Run the student report's").click(timeout=WAIT)
    page.get_by_role("button", name="Edit the network").click(timeout=WAIT)
    box = page.get_by_role("combobox", name="Data set")
    box.click(timeout=WAIT)
    box.fill("folder")
    box.press("Enter")
    folder = page.get_by_role("textbox", name="Folder")
    folder.fill(str(photographs), timeout=WAIT)
    folder.press("Enter")
    expect(page.get_by_text(f"{9 * TRAIN} to train on")).to_be_visible(timeout=WAIT)
    page.get_by_role("button", name="Use it in the study").click()
    set_number(page, "Epochs a trial", "1")


def test_the_report_is_searched_to_its_end_and_its_best_is_tested(
    context: BrowserContext, lab: LabServer, own_runs: None, photographs: Path
) -> None:
    page = context.new_page()
    define(page, lab, photographs)
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url("**/studies?name=report*", timeout=WAIT)
    wait_for_finished(page, 2)
    expect(page.get_by_text("All 20 trials are done.")).to_be_visible(timeout=END)

    study = open_study("report 1")
    assert study.spec.space == STUDY_PRESETS["report"].space
    summary = study.summary()
    assert (summary.done + summary.pruned, summary.failed) == (20, 0)
    assert all(open_run(run_id).summary().is_untested for run_id in study.trials().query("state=='finished'").run_id)
    expect(page.get_by_text("20 of 20 trials")).to_be_visible()
    expect(page.get_by_text(re.compile("What mattered most|No searched field stands out"))).to_be_visible()
    for plot in PLOTS:
        if plot != "Pareto Front":
            page.get_by_role("tab", name=plot, exact=True).click()
            expect(page.get_by_role("heading", name=plot, exact=True)).to_be_visible(timeout=WAIT)
            page.wait_for_function("() => document.querySelector('.lab-plot')?._fullData?.length > 0", timeout=WAIT)

    # Nobody has looked at the test images; now the best does, once.
    page.get_by_role("button", name=re.compile("Test trial")).click()
    told = page.get_by_text(re.compile(r"reaches .+ on 50 test images"))
    expect(told).to_be_visible(timeout=WAIT)
    best = study.trials().query("state == 'finished'").nsmallest(1, "value").iloc[0]
    assert f"Trial {best.number}," in told.inner_text()
    accuracy = open_run(best.run_id).summary().test_accuracy
    assert accuracy is not None
    assert f"{accuracy:.2%}".replace("%", " %") in told.inner_text()

    page.get_by_role("button", name="Narrow the space").click()
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_enabled(timeout=WAIT)
    expect(page.get_by_role("textbox", name="Trials", exact=True)).to_have_value("20")
