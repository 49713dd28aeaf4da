"""A page that renews itself is left for another by the server, and the browser hears of it late."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.test_journey import START, WAIT
from tests.quick_lab import QuickLab

# What the server says reaches the page `window.late` milliseconds later, as over a slow line.
SLOW_LINE = """
window.said = window.heard = 0;
window.WebSocket = class extends WebSocket {
  addEventListener(kind, listen, ...rest) {
    const later = (event) => {
      window.said += 1;
      setTimeout(() => { listen(event); window.heard += 1; }, window.late || 0);
    };
    super.addEventListener(kind, kind === "message" ? later : listen, ...rest);
  }
};
"""


def test_a_page_left_while_its_timer_asks_on_gives_way_to_the_next(page: Page, lab: QuickLab) -> None:
    run_id = lab.start_long_run()
    page.add_init_script(SLOW_LINE)
    page.goto(f"{lab.url}/run?id={run_id}")
    expect(page.get_by_text("images/s")).to_be_visible(timeout=WAIT)

    # Longer than both intervals of the page: of its own and of the status line.
    page.evaluate("window.late = 4000")
    page.get_by_role("button", name="Clone").click()
    page.wait_for_url("**/build*", timeout=WAIT)
    start = page.get_by_role("button", name=START)
    expect(start).to_be_visible(timeout=WAIT)
    # What the server said after the page is what could take it away again.
    page.wait_for_function(f"window.heard >= {page.evaluate('window.said')}", timeout=WAIT)
    expect(start).to_be_visible()
    lab.command("stop", run_id)
