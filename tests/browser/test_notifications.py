"""A browser that was asked shows what ended, and a webhook is told with the page server gone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, expect

from core.runs.listing import list_runs
from core.runs.store import open_run
from core.spec.link import to_link
from core.spec.parse import parse_spec
from tests.browser.test_journey import WAIT, open_build, small_spec, start_run, wait_for_epoch
from tests.core.workers import wait_for
from tests.quick_lab import QuickLab, serve_quickly
from tests.receivers import Hook, serving

# What the browser was asked to show: a headless one draws nothing.
RECORD = """
window.shown = [];
window.Notification = new Proxy(window.Notification, {
  construct: (target, [title, options]) => { window.shown.push([title, options.body]); return {}; },
});
"""


@pytest.fixture
def own_quick_lab(tmp_path) -> Iterator[QuickLab]:
    with serve_quickly(tmp_path) as lab:
        yield lab


def train(lab: QuickLab, name: str) -> None:
    settings = ["--set", "train.epochs=1", "--set", "data.max_train_images=100"]
    assert lab.command("train", "--preset", "first-look", "--name", name, *settings).returncode == 0


def test_an_end_is_shown_by_the_browser_and_told_by_the_worker_when_the_server_is_gone(
    context: BrowserContext, own_quick_lab: QuickLab
) -> None:
    lab = own_quick_lab
    with serving(Hook()) as hook:
        context.add_init_script(RECORD)
        page = context.new_page()
        page.goto(f"{lab.url}/lab")
        ask = page.get_by_role("button", name="Ask this browser")
        expect(ask).to_be_visible(timeout=WAIT)
        context.grant_permissions(["notifications"], origin=lab.url)
        page.reload()
        page.get_by_role("button", name="Turn on").click(timeout=WAIT)
        expect(page.get_by_role("button", name="Turn off")).to_be_visible()
        page.get_by_text("Webhook and mail server may be on this machine").click()
        page.get_by_role("button", name="Save").first.click()
        expect(page.get_by_text("Saved.")).to_be_visible(timeout=WAIT)
        page.get_by_text("Webhook: none").click()
        page.get_by_label("Address", exact=True).fill(f"{hook.url}/secret-token")
        page.locator(".st-key-notify-save_webhook button").click()
        page.get_by_role("button", name="Send a test").click(timeout=WAIT)
        wait_for(lambda: hook.titles() == ["ResNet Lab: a test"], 90)

        train(lab, "short")
        page.wait_for_function("window.shown.length > 0", timeout=WAIT)
        ((title, body),) = page.evaluate("window.shown")
        assert title == "Run short finished"
        assert "Test accuracy, last weights: " in body
        wait_for(lambda: hook.titles()[1:] == ["Run short finished"], 90)

        spec = small_spec(max_train_images=200).model_dump(mode="json")
        spec["train"]["epochs"] = 20  # the server is gone after two or three
        open_build(page, lab, f"?spec={to_link(parse_spec(spec))}")
        run_id = start_run(page)
        wait_for_epoch(page, 2)
        lab.kill()
        with lab.chosen():
            assert {run.id: run.state for run in list_runs()}[run_id] == "running"
            wait_for(lambda: len(hook.received) == 3, 180)
            assert hook.received[2][1]["id"] == run_id
            assert hook.received[2][1]["state"] == open_run(run_id).state() == "finished"
