"""The sign-in in a real browser: in by one button, back where the link led, out in every tab, kept out in words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from core.spec.link import to_link
from core.spec.parse import parse_spec
from core.spec.presets import PRESETS
from tests.browser.conftest import browser_context_args, browser_type_launch_args, require_chromium
from tests.lab_server import LabServer
from tests.quick_lab import QuickLab
from tests.security.visitor import serve_with_sign_in

__all__ = ["browser_context_args", "browser_type_launch_args", "require_chromium"]
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-pages")]
WAIT = 60_000
START = re.compile(r"^Start Shortcut")


def sign_in(page: Page, name: str) -> None:
    page.get_by_role("button", name="Sign in").click(timeout=WAIT)
    page.get_by_role("button", name=name).click(timeout=WAIT)


def expect_gate(page: Page) -> None:
    """The mark, one button, and nothing else of the lab."""
    expect(page.get_by_role("button", name="Sign in")).to_be_visible(timeout=WAIT)
    expect(page.get_by_role("navigation", name="App pages")).to_have_count(0)
    expect(page.get_by_text("running")).to_have_count(0)


def small_link() -> str:
    spec = PRESETS["first-look"].spec.model_dump(mode="json")
    spec["data"]["max_train_images"] = 100
    spec["train"]["epochs"] = 1
    return to_link(parse_spec(spec))


@pytest.mark.promise(
    17,
    "One button leads in and back to the page that was asked for; who starts a run is kept with it; out is out.",
    how="Chromium, a real provider: in, a run, out in one tab with another open; then somebody who is not on the list",
    control="both tabs show the lab, and one starts a run, until the sign-out",
)
def test_in_by_one_button_and_out_in_every_tab(
    context: BrowserContext, browser: Browser, tmp_path: Path, record_figure: Callable[[str], None]
) -> None:
    with serve_with_sign_in(tmp_path, lab=QuickLab(tmp_path)) as lab:
        told: set[str] = set()
        page = context.new_page()
        page.goto(f"{lab.url}/build?spec={small_link()}")
        expect_gate(page)
        page.on("request", lambda request: told.add(urlsplit(request.url).hostname or urlsplit(request.url).scheme))
        sign_in(page, "ann")
        expect(page.get_by_role("button", name=START)).to_be_enabled(timeout=WAIT)
        assert page.url.startswith(f"{lab.url}/build?spec="), "back where the link led"
        page.get_by_role("button", name=START).click()
        page.wait_for_url("**/run?id=*", timeout=WAIT)
        expect(page.get_by_text("started by ann@example.org")).to_be_visible(timeout=WAIT)
        (run,) = read_started_by(lab)
        assert run == "ann@example.org"

        other = context.new_page()
        other.goto(f"{lab.url}/runs")
        expect(other.get_by_role("columnheader", name="Started by")).to_be_visible(timeout=WAIT)
        expect(other.get_by_role("cell", name="ann@example.org")).to_be_visible(timeout=WAIT)

        page.get_by_role("button", name="Account").click()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/end_session**", timeout=WAIT)  # the provider's own sign-out
        expect_gate(other)  # by itself: its status is renewed every few seconds, which is a message like any other
        assert len(read_started_by(lab)) == 1

        stranger = browser.new_context(reduced_motion="reduce").new_page()
        stranger.goto(f"{lab.url}/runs")
        sign_in(stranger, "eve")
        expect(stranger.get_by_text("eve@evil.example is not on the list")).to_be_visible(timeout=WAIT)
        expect(stranger.get_by_text("ann@example.org")).to_have_count(0)
        stranger.get_by_role("button", name="Sign out").click()
        stranger.wait_for_url("**/end_session**", timeout=WAIT)
        stranger.context.close()
        elsewhere = {host for host in told if host not in ("localhost", "data", "blob")}
        # The provider's own sign-in form fetches its looks; the lab's pages fetch nothing.
        assert all("jsdelivr" in host or "unpkg" in host or "cdn" in host for host in elsewhere), elsewhere
    record_figure("1 run kept with its starter; the other tab asked for a sign-in by itself")


def read_started_by(lab: LabServer) -> list[str]:
    return [json.loads(about.read_text())["started_by"] for about in (lab.folder / "runs").glob("2*/about.json")]
