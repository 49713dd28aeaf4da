"""The Data page in a real Chromium: the first images of ten thousand, and those of the next pages.

In a fresh browser beside a bare page of Streamlit's, in turns; after a click on Data in an open lab; and from a click
on Next to its images. Seconds that passed, and seconds of the processor, of the page's main thread and of the server:
those say more where other work is done beside. With RESNET_LAB_IMAGES the images are its test part, else the digits.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, BrowserType, CDPSession, Page, sync_playwright

from core.data.survey import make_survey
from core.spec import DataSpec
from core.spec.link import pack_data
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.lab_server import LabServer, serve_lab

TURNS, PAGES, WAIT_MS = 3, 10, 180_000
LIMITS = {"first_screen_seconds": 1.0, "next_page_seconds": 0.2}
# Drawn is what has its size; all images of a page are in the message that brings the first.
_DRAWN = (
    "() => [...document.querySelectorAll('.lab-gallery img')].some((image) => image.complete && image.naturalWidth)"
)
_TURN = """() => new Promise((done) => {
  const first = () => document.querySelector(".lab-gallery img").src;
  const before = first(), began = performance.now();
  const look = () => (first() === before ? requestAnimationFrame(look) : done((performance.now() - began) / 1000));
  document.querySelector("[data-testid=stPaginationNext]").click();
  look();
})"""


def measure_data_page() -> dict[str, Any]:
    """Medians by what was done, with the limits that they are held to."""
    images = os.environ.get("RESNET_LAB_IMAGES")
    spec = DataSpec(dataset="folder", folder=str(Path(images, "test")), folder_classes=10) if images else DataSpec()
    with tempfile.TemporaryDirectory() as lab_folder, tempfile.TemporaryDirectory() as bare_folder:
        bare = LabServer(Path(bare_folder), "benchmarks/bare_page.py")
        with serve_lab(Path(lab_folder)) as lab, serve_lab(Path(bare_folder), bare), sync_playwright() as playwright:
            os.environ["RESNET_LAB_DATA"] = lab.environment["RESNET_LAB_DATA"]
            make_survey(spec)
            address = f"{lab.url}/data?set={pack_data(spec)}"
            turns = [_measure(playwright.chromium, lab, bare, address) for _ in range(TURNS)]
    figures: dict[str, Any] = {"images": "test images of the folder" if images else "digits", "limits": LIMITS}
    for what in turns[0]:
        figures[what] = {key: round(statistics.median(turn[what][key] for turn in turns), 3) for key in turns[0][what]}
    return figures


def _measure(chromium: BrowserType, lab: LabServer, bare: LabServer, address: str) -> dict[str, dict[str, float]]:
    def start() -> Browser:
        return chromium.launch(executable_path=CHROMIUM, args=FLAGS)

    with start() as browser:
        page, session = _open(browser)
        bare_page = _time(
            page, session, bare, lambda: page.goto(bare.url), "() => document.body.innerText.includes('Bare')"
        )
    with start() as browser:
        page, session = _open(browser)
        fresh = _time(page, session, lab, lambda: page.goto(address), _DRAWN)
        next_page = _turn_pages(page, session, lab)
        page.goto(f"{lab.url}/lab")
        page.get_by_test_id("stTopNavLink").filter(has_text="Data").wait_for()
        page.wait_for_timeout(3000)  # what the page itself loads later
        link = page.get_by_test_id("stTopNavLink").filter(has_text="Data")
        click = _time(page, session, lab, link.click, _DRAWN)
    return {"bare_page": bare_page, "fresh_browser": fresh, "click_on_data": click, "next_page": next_page}


def _open(browser: Browser) -> tuple[Page, CDPSession]:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(WAIT_MS)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    return page, session


def _time(
    page: Page, session: CDPSession, server: LabServer, act: Callable[[], object], until: str
) -> dict[str, float]:
    before, began = _used(session, server), time.perf_counter()
    act()
    page.wait_for_function(until)
    return {"seconds": time.perf_counter() - began, **_since(before, _used(session, server))}


def _turn_pages(page: Page, session: CDPSession, server: LabServer) -> dict[str, float]:
    """The median of a few pages, each asked for when the one before has settled."""
    before, shown = _used(session, server), []
    for _ in range(PAGES):
        page.wait_for_timeout(1000)
        shown.append(page.evaluate(_TURN))
    page.wait_for_timeout(1000)
    used = _since(before, _used(session, server))
    return {"seconds": statistics.median(shown), **{key: value / PAGES for key, value in used.items()}}


def _used(session: CDPSession, server: LabServer) -> dict[str, float]:
    """Seconds of the processor so far; a new document's main thread counts from 0."""
    assert server.process is not None
    times = psutil.Process(server.process.pid).cpu_times()
    metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    return {"main_thread_seconds": metrics["TaskDuration"], "server_seconds": times.user + times.system}


def _since(before: dict[str, float], now: dict[str, float]) -> dict[str, float]:
    return {key: now[key] - before[key] if now[key] >= before[key] else now[key] for key in now}


if __name__ == "__main__":
    from benchmarks.machine import keep_result

    measured = measure_data_page()
    print(json.dumps(measured, indent=2))
    keep_result("data-page", measured)
