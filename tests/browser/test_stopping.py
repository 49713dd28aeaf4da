"""A suggestion comes and goes above a live table of runs, which stays whole; one click stops what it names."""

import pytest
from playwright.sync_api import Page, expect

from tests.core.forecast.test_stopping import make_half
from tests.pages.sample_runs import training
from tests.quick_lab import QuickLab

WAIT = 60_000

pytestmark = pytest.mark.slow


def test_what_will_hardly_be_the_best_is_stopped_and_the_table_stays_whole(page: Page, lab: QuickLab) -> None:
    with lab.chosen():
        good, bad = make_half(0.9, name="good"), make_half(0.2, name="bad")
        rows = page.locator(".lab-runs tbody tr")
        with training(good), training(bad):
            page.goto(f"{lab.url}/runs")
            expect(page.get_by_text("bad will hardly be the best of these 2.")).to_be_visible(timeout=WAIT)
            expect(rows).to_have_count(2)
            page.get_by_role("button", name="Stop it").click()
            expect(page.get_by_text("Stopping as suggested: bad.")).to_be_visible(timeout=WAIT)
            assert bad.stop_requested
            expect(rows).to_have_count(2)
            page.get_by_role("button", name="Leave it").click()
            expect(page.get_by_text("as suggested")).to_have_count(0, timeout=WAIT)
            expect(rows).to_have_count(2)
