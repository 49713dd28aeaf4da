"""The list of 1,000 and of 10,000 runs: how soon it is there, and how soon a filter has been followed.

Cold is a browser that knows nothing yet and a server that has not listed the runs, but has nothing else to do; its copy
of their summaries is there, as where the lab was open before. `seconds` are from the address to rows in the page.
`rows_ms` are from the last that the server sent before the rows to the rows. `filter_ms` are from Enter in the search
box to the rows that it finds; `filter_server_ms` the server's part of it, timed over its own socket.

python -m benchmarks.lists [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.machine import keep_result
from benchmarks.made_runs import make_runs
from benchmarks.page_client import PageClient
from benchmarks.peers import serve_idle_lab
from core.runs.listing import list_runs
from tests.browser.conftest import CHROMIUM, FLAGS

COUNTS = (1000, 10_000)
EPOCHS, FILTERS, LONGEST_MS = 5, 8, 120_000
LIMITS = {"seconds_1000": 1.5, "rows_ms": 300, "filter_ms": 100}
# When the server last sent something, when there were rows first, and how often the first row was another one.
NOTE_ROWS = """
  window.lab = { heard: 0, rows: 0, first: '', changed: 0 };
  window.WebSocket = class extends WebSocket {
    constructor(...how) {
      super(...how);
      this.addEventListener('message', () => { if (!window.lab.rows) window.lab.heard = performance.now(); });
    }
  };
  new MutationObserver(() => {
    const first = document.querySelector('.lab-runs tbody tr')?.dataset.id ?? '';
    if (first && !window.lab.rows) window.lab.rows = performance.now();
    if (first !== window.lab.first) Object.assign(window.lab, { first, changed: performance.now() });
  }).observe(document, { childList: true, subtree: true });
  const ask = ({ key }) => { if (key === 'Enter') window.lab.asked = performance.now(); };
  document.addEventListener('keydown', ask, true);
"""


def measure_lists(browser: Browser, rounds: int) -> dict[str, Any]:
    """Medians by the number of runs."""
    figures: dict[str, Any] = {"limits": LIMITS, "rounds": rounds}
    for count in COUNTS:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            (folder / "runs").mkdir()
            os.environ["RESNET_LAB_RUNS"] = str(folder / "runs")
            make_runs(count, EPOCHS)
            list_runs()  # keeps the copy
            loads = [_measure(browser, folder) for _ in range(rounds)]
        figures[str(count)] = {key: round(statistics.median(load[key] for load in loads), 3) for key in loads[0]}
    return figures


def _measure(browser: Browser, folder: Path) -> dict[str, float]:
    with serve_idle_lab(folder) as url, browser.new_context(viewport={"width": 1440, "height": 900}) as context:
        context.add_init_script(NOTE_ROWS)
        page = context.new_page()
        page.goto(f"{url}/runs", wait_until="commit")
        page.wait_for_function("window.lab.rows", polling=200, timeout=LONGEST_MS)
        noted = page.evaluate("window.lab")
        filters = [_filter(page, f"made-up {number}") for number in range(1, 1 + FILTERS)]
        with PageClient(url) as client:
            client.rerun("runs")
            served = [client.rerun("runs", f"q=made-up+{number}")[0] for number in range(1, 1 + FILTERS)]
    return {
        "seconds": noted["rows"] / 1000,
        "rows_ms": noted["rows"] - noted["heard"],
        "filter_ms": statistics.median(filters),
        "filter_server_ms": 1000 * statistics.median(served),
    }


def _filter(page: Page, words: str) -> float:
    """Milliseconds until the first row is another one."""
    box = page.get_by_role("combobox", name="Search").or_(page.get_by_role("textbox", name="Search")).first
    box.fill(words)
    page.wait_for_timeout(300)  # what typing itself sets going
    box.press("Enter")
    page.wait_for_function("window.lab.changed > window.lab.asked", polling=20, timeout=LONGEST_MS)
    noted = page.evaluate("window.lab")
    return float(noted["changed"] - noted["asked"])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lists", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        figures = measure_lists(browser, args.rounds)
        browser.close()
    print(json.dumps(figures, indent=2))
    keep_result("lists", figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
