"""The page server dies under runs that train, and comes back: they did not notice."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from benchmarks.page_client import PageClient
from core.runs.folder import Run
from core.runs.listing import list_runs
from core.runs.store import open_run
from tests.browser import conftest as browser
from tests.browser.test_journey import WAIT, expect_state, wait_for_epoch
from tests.core.workers import start_worker, tiny_spec, wait_for, wait_for_state
from tests.forks import PAUSE
from tests.lab_server import LabServer, serve_lab
from tests.made_runs import create_run
from tests.quick_lab import serve_quickly

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.xdist_group("browser-training")]
LISTED_SECONDS = 5.0
browser_type_launch_args = browser.browser_type_launch_args
require_chromium = browser.require_chromium


@pytest.fixture
def lab(lab_folders: Path, full: bool, monkeypatch: pytest.MonkeyPatch) -> Iterator[LabServer]:
    """In full a server and workers as a user has them; else forked ones, which rest after each epoch."""
    monkeypatch.setenv(PAUSE, "0.1")
    with serve_lab(lab_folders) if full else serve_quickly(lab_folders) as server:
        yield server


def start_long_runs(lab: LabServer, count: int) -> list[Run]:
    """Runs that train for hours, side by side."""
    (lab.folder / "runs" / "settings.json").write_text(json.dumps({"slots": {"cpu": count}}))
    settings = ["--set", "train.epochs=5000", "--set", "data.max_train_images=200", "--seeds", str(count), "--detach"]
    lab.command("train", "--preset", "first-look", *settings)
    runs = [open_run(summary.id) for summary in list_runs()]
    assert len(runs) == count
    for run in runs:
        wait_for(run.rows, 180)
    return runs


def list_again(lab: LabServer, running: int) -> float:
    """Starts the server; seconds from its first answer until a page says how many runs are running."""
    lab.start()
    began = time.monotonic()
    with PageClient(lab.url) as client:
        _, sent = client.rerun("runs")
    assert sent
    assert [summary.state for summary in list_runs()] == ["running"] * running
    return time.monotonic() - began


@pytest.mark.promise(
    10,
    "Runs train on while the page server is down; all are listed within 5 s of its return, none has lost an epoch, and "
    "Stop works.",
    how="four runs are watched in Chromium; the server is killed and away for 0, 20 and 60 s, comes back, lists them; "
    "in the end each is stopped by its page's button. (Short: two runs, away until each has trained on.)",
    control="a training inside of the process that is killed ends with it",
)
def test_runs_do_not_notice_that_the_server_is_away(
    page: Page, lab: LabServer, full: bool, record_figure: Callable[[str], None]
) -> None:
    runs = start_long_runs(lab, 4 if full else 2)
    page.goto(f"{lab.url}/run?id={runs[0].id}", timeout=WAIT)
    wait_for_epoch(page, 2)
    slowest, trained = 0.0, 0
    for seconds in (0, 20, 60) if full else (0,):
        lab.kill()
        before = [len(run.rows()) for run in runs]
        time.sleep(seconds)  # the length of its absence is the point
        for run, rows in zip(runs, before, strict=True):
            wait_for(lambda run=run, rows=rows: len(run.rows()) >= rows + 2, 120)
        trained += sum(len(run.rows()) - rows for run, rows in zip(runs, before, strict=True))
        slowest = max(slowest, list_again(lab, len(runs)))
        assert slowest < LISTED_SECONDS
    page.goto(f"{lab.url}/runs", timeout=WAIT)
    expect(page.get_by_text(f"{len(runs)} running").first).to_be_visible(timeout=WAIT)
    for run in runs:
        page.goto(f"{lab.url}/run?id={run.id}", timeout=WAIT)
        page.get_by_role("button", name="Stop", exact=True).click()
        expect_state(page, "Stopped")
        rows = (run.path / "metrics.jsonl").read_text().splitlines()
        epochs = [json.loads(row)["epoch"] for row in rows]
        assert epochs == list(range(1, len(epochs) + 1)), "an epoch was lost or told twice"
    record_figure(
        f"{len(runs)} runs trained {trained} epochs while it was away, none lost; listed {slowest:.1f} s after its "
        "return"
    )


def test_control_a_training_inside_of_the_server_ends_with_it(quick_workers: Path) -> None:
    run = open_run(create_run(tiny_spec(epochs=10_000)))
    server = start_worker(run)  # as if the process that serves trained, too
    wait_for(run.rows)
    os.kill(server, signal.SIGKILL)
    assert wait_for_state(run, "interrupted", "finished") == "interrupted"
