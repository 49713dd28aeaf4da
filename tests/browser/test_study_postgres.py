"""The Studies page and its workers on PostgreSQL: nothing is different, and a server that is away is said to be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.studies.study import open_study
from tests.browser.test_studies import WAIT, start_study, wait_for_finished
from tests.lab_server import LabServer
from tests.postgres import Server, serve_postgres
from tests.quick_lab import serve_quickly

pytestmark = pytest.mark.slow


@pytest.fixture
def postgres(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with serve_postgres() as server:
        monkeypatch.setenv("RESNET_LAB_STORAGE", server.url)
        yield server


@pytest.fixture
def lab(postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LabServer]:
    with serve_quickly(tmp_path) as server:
        monkeypatch.setenv("RESNET_LAB_RUNS", str(tmp_path / "runs"))
        yield server


def test_a_study_on_postgres_is_searched_watched_and_opened_in_the_dashboard(
    page: Page, lab: LabServer, postgres: Server
) -> None:
    name = start_study(page, lab, trials=200)
    page.get_by_role("button", name="More workers").click()
    wait_for_finished(page, 3)
    assert not (lab.folder / "runs" / "studies.db").exists()

    # The server is away for a moment: the page says so, the workers wait, and both go on by themselves.
    done = open_study(name).summary().done
    postgres.cut()
    expect(page.get_by_text("cannot be used")).to_be_visible(timeout=WAIT)
    page.reload()  # nothing of the study is shown now, and yet the page goes on by itself later
    expect(page.get_by_text("Runs do not need it")).to_be_visible(timeout=WAIT)
    # What is being defined meanwhile stays, with the sentence at its name.
    defining = page.context.new_page()
    defining.goto(f"{lab.url}/studies?new=first-look")
    expect(defining.get_by_text("cannot be used")).to_be_visible(timeout=WAIT)
    expect(defining.get_by_text("Search space")).to_be_visible()
    postgres.start()
    wait_for_finished(page, done + 3)
    expect(page.get_by_text("cannot be used")).to_have_count(0, timeout=WAIT)

    page.get_by_role("button", name="Stop after trials").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible(timeout=WAIT)
    summary = open_study(name).summary()
    assert (summary.failed, summary.running) == (0, 0)

    page.get_by_role("button", name="Start optuna-dashboard").click(timeout=WAIT)
    link = page.get_by_role("link", name="Open in optuna-dashboard")
    expect(link).to_be_visible(timeout=WAIT)
    dashboard = page.context.new_page()
    dashboard.goto(link.get_attribute("href") or "", timeout=WAIT)
    expect(dashboard.get_by_text(name).first).to_be_visible(timeout=WAIT)
    page.get_by_role("button", name="Stop optuna-dashboard").click()
    expect(page.get_by_role("button", name="Start optuna-dashboard")).to_be_visible(timeout=WAIT)
