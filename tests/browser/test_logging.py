"""A script that is not the lab's is watched live, and stopped, on Run."""

from __future__ import annotations

import subprocess
import sys

from playwright.sync_api import Page, expect

from tests.browser.test_journey import WAIT, expect_state, wait_for_epoch
from tests.lab_server import ROOT
from tests.quick_lab import QuickLab

# An epoch for each line that it is told.
SCRIPT = """
import sys
import core.log as trackio
run = trackio.init(project="birds", name="watched", config={"lr": 0.125, "model": {"depth": 3}})
print(run.id, flush=True)
for epoch, _ in enumerate(sys.stdin):
    trackio.log({"train/loss": 1 / (epoch + 1), "val/accuracy": 0.5 + epoch / 100, "grad norm": float(epoch)})
"""

# From where to where the axis of accuracies goes.
AXIS = """[...document.querySelectorAll(".lab-chart")].find((each) => each.textContent.includes("Accuracy"))
    ?.querySelector(".lab-plot")._fullLayout?.yaxis.range"""


def test_a_logging_script_is_watched_live_and_stopped(page: Page, lab: QuickLab) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env=lab.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as script:
        assert script.stdin
        assert script.stdout
        run_id = script.stdout.readline().strip()
        script.stdin.write("\n")
        script.stdin.flush()
        page.goto(f"{lab.url}/run?id={run_id}")
        expect_state(page, "Running")
        expect(page.get_by_text("grad norm").first).to_be_visible(timeout=WAIT)
        page.wait_for_function(f"{AXIS}?.length === 2", timeout=WAIT)  # around the only value
        script.stdin.write("\n" * 2)
        script.stdin.flush()
        wait_for_epoch(page, 3)
        page.wait_for_function(f"{AXIS}[1] > 0.52 && {AXIS}[1] < 0.53", timeout=WAIT)
        script.stdin.write("\n" * 4)
        script.stdin.flush()
        wait_for_epoch(page, 7)  # with nobody touching the page
        page.get_by_role("button", name="Stop", exact=True).click(timeout=WAIT)
        expect(page.get_by_text("Stopped on request.").first).to_be_visible(timeout=WAIT)
        script.wait(timeout=60)
