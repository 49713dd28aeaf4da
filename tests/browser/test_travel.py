"""A run leaves by the browser, is deleted, and comes back by the browser, ready to go on."""

from __future__ import annotations

import json
import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.test_journey import WAIT, expect_state, read_runs
from tests.quick_lab import QuickLab


def test_a_run_is_taken_away_deleted_imported_and_goes_on(page: Page, lab: QuickLab, tmp_path: Path) -> None:
    run_id = lab.start_long_run()
    metrics = lab.folder / "runs" / run_id / "metrics.jsonl"
    while not metrics.exists() or metrics.read_bytes().count(b"\n") < 3:
        page.wait_for_timeout(50)

    # While it trains, with the page renewing itself.
    page.goto(f"{lab.url}/run?id={run_id}&tab=Take+away")
    row = page.locator('[class*="st-key-take_row-zip"]').first
    with page.expect_download(timeout=WAIT) as download:
        row.get_by_role("button", name="Download").click(timeout=WAIT)
    archive = tmp_path / download.value.suggested_filename
    download.value.save_as(archive)
    assert archive.name == f"{run_id}.zip"
    expect(row.get_by_text("arrives as stopped")).to_be_visible(timeout=WAIT)
    # Fetched once, and again by its link only.
    with page.expect_download(timeout=WAIT) as again:
        row.get_by_role("link", name=archive.name).click()
    assert Path(again.value.path()).read_bytes() == archive.read_bytes()

    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_url("**/runs*", timeout=WAIT)
    assert read_runs(lab) == []

    page.get_by_role("button", name="Import").click()
    page.locator('input[type="file"]').set_input_files(archive)
    expect(page.get_by_text("1 run of this lab found. Nothing is kept yet.")).to_be_visible(timeout=WAIT)
    page.keyboard.press("Escape")  # closes the popover
    page.get_by_role("button", name="Import 1 run").click()
    link = page.get_by_text("is imported; stopped").locator("a")
    expect(link).to_be_visible(timeout=WAIT)
    assert [(run["id"], run["state"]) for run in read_runs(lab)] == [(run_id, "stopped")]
    before = read_runs(lab)[0]["epoch"]
    assert before >= 3
    link.click()
    page.wait_for_url(re.compile(rf"/run\?id={run_id}"), timeout=WAIT)
    expect(page.get_by_text("when it was exported")).to_be_visible(timeout=WAIT)

    page.get_by_role("button", name="Resume", exact=True).click()
    while metrics.read_bytes().count(b"\n") < before + 2:
        page.wait_for_timeout(50)
    page.get_by_role("button", name="Stop", exact=True).click(timeout=WAIT)
    expect_state(page, "Stopped")
    epochs = [json.loads(line)["epoch"] for line in metrics.read_text().splitlines()]
    assert epochs == list(range(1, len(epochs) + 1))
