"""A new epoch reaches an open page by a word of the server, not by the page's own timer."""

from __future__ import annotations

from contextlib import suppress

import pytest
from playwright.sync_api import Page, TimeoutError

from core.runs.folder import Run
from core.system import files
from server.changes import ROUTE
from tests.pages.sample_runs import make_rows, make_run, training
from tests.quick_lab import QuickLab

WAIT = 60_000

# The last epoch that a chart shows.
LAST_EPOCH = """(() => {
  const traces = [...document.querySelectorAll('.lab-plot')].flatMap((plot) => plot._fullData ?? []);
  return Math.max(0, ...traces.filter(({ meta }) => meta?.series === 'val/accuracy').map(({ x }) => x.at(-1)));
})()"""

pytestmark = pytest.mark.slow


def add_epoch(run: Run, number: int) -> None:
    with open(run.path / "metrics.jsonl", "ab") as file:
        file.write(files.to_line(make_rows(number)[-1]))


@pytest.mark.parametrize("address", ["run?id={}", "compare?ids={}"])
def test_a_new_epoch_is_told_to_the_page_that_shows_it(page: Page, lab: QuickLab, address: str) -> None:
    # The words that came over the page's own socket, and no timer to bring the epoch otherwise.
    page.add_init_script(
        f"""window.words = 0;
        window.WebSocket = class extends WebSocket {{
          constructor(url, ...rest) {{
            super(url, ...rest);
            if (!String(url).includes("{ROUTE}")) return;
            this.addEventListener("open", () => (window.opened = true));
            this.addEventListener("message", () => (window.words += 1));
          }}
        }};
        const later = window.setInterval;
        window.setInterval = (act, wait, ...rest) => later(act, wait < 5000 ? 1e9 : wait, ...rest);"""
    )
    with lab.chosen():
        run = make_run("interrupted", epochs_done=2)
        with training(run):
            page.goto(f"{lab.url}/{address.format(run.id)}")
            page.wait_for_function(f"{LAST_EPOCH} === 2", polling=200, timeout=WAIT)
            # What comes before the server's first look is brought by the page's own timer, which there is none of here.
            page.wait_for_function("window.opened", polling=200, timeout=WAIT)
            add_epoch(run, 3)
            with suppress(TimeoutError):
                page.wait_for_function(f"{LAST_EPOCH} === 3", polling=200, timeout=5000)
            for epoch in (4, 5):
                add_epoch(run, epoch)
                page.wait_for_function(f"{LAST_EPOCH} === {epoch}", polling=200, timeout=WAIT)
            assert page.evaluate("window.words") >= 2
