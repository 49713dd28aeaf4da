"""The main job in a real browser: shape, start, watch, leave, come back, stop, resume, finish, delete."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from core.spec import RunSpec
from core.spec.cost import cost_of
from core.spec.link import to_link
from core.spec.parse import parse_spec
from core.spec.presets import PRESETS
from tests.charts import COUNT_POINTS
from tests.folders import copy_images
from tests.lab_server import LabServer
from tests.quick_lab import serve_quickly
from tests.specs import change

# Two cores, shared with other tests: patient, but every wait is for a condition.
WAIT = 90_000
POLL = 100  # between two looks at all charts of a page, which at every frame take a good part of a core
START = re.compile(r"^Start Shortcut")


def read_runs(lab: LabServer) -> list[dict]:
    return json.loads(lab.command("runs", "--json").stdout)


def wait_for_epoch(page: Page, epoch: int) -> None:
    """Until the charts hold this many epochs, without a reload."""
    page.wait_for_function(COUNT_POINTS + f" >= {epoch}", polling=POLL, timeout=WAIT)


def open_build(page: Page, lab: LabServer, query: str = "") -> None:
    page.goto(f"{lab.url}/build{query}")
    expect(page.get_by_role("button", name=START)).to_be_visible(timeout=WAIT)


def start_run(page: Page) -> str:
    page.get_by_role("button", name=START).click()
    page.wait_for_url("**/run?id=*", timeout=WAIT)
    return re.search(r"id=([0-9a-f-]+)", page.url)[1]


def expect_state(page: Page, state: str, timeout: float = WAIT) -> None:
    """The badge: an icon, whose name is its text, and the word."""
    expect(page.get_by_text(re.compile(rf"^\s*\w*\s*{state}\s*$")).first).to_be_visible(timeout=timeout)


def small_spec(**data: object) -> RunSpec:
    """`first-look` on few enough images that an epoch is a matter of a second, on busy cores too."""
    spec = PRESETS["first-look"].spec.model_dump(mode="json")
    spec["data"] |= {"max_train_images": 400, **data}
    return parse_spec(spec)


def reach_start(page: Page) -> int:
    """How often Tab is pressed from the top of the page until Start has the keyboard."""
    focused = "() => document.activeElement.textContent"
    return next(n for n in range(1, 100) if page.keyboard.press("Tab") or "Start" in page.evaluate(focused)[:20])


# Whether the element that has the keyboard shows it: by an outline of its own or around it, of which nothing is faint,
# nor cut off by a box of one pixel, as those are that hide the browser's own switch.
SHOWS_FOCUS = """() => {
  const chain = [];
  for (let node = document.activeElement; node; node = node.parentElement) chain.push(node);
  const look = chain.map((node) => getComputedStyle(node));
  const at = look.findLastIndex(({ outlineStyle }, place) => place < 6 && outlineStyle === "solid");
  const seen = (place) => look[place].opacity === "1" && chain[place].getBoundingClientRect().width > 8;
  return at >= 0 && look[at].outlineWidth === "2px" && chain.every((_, place) => place < at || seen(place));
}"""


def expect_focus_shown(page: Page, presses: int) -> None:
    """At each control that Tab reaches; some fade in."""
    for _ in range(presses):
        page.keyboard.press("Tab")
        page.wait_for_function(SHOWS_FOCUS, timeout=WAIT)


def set_number(page: Page, label: str, value: str) -> None:
    field = page.get_by_role("textbox", name=label, exact=True)
    field.fill(value)
    field.press("Enter")


def test_a_first_visitor_trains_a_network_of_their_own_and_finds_it_again(
    context: BrowserContext, own_lab: LabServer
) -> None:
    lab = own_lab
    page = context.new_page()
    before = small_spec()
    open_build(page, lab, f"?spec={to_link(before)}")
    expect(page.get_by_text(f"{cost_of(before).parameters:,}", exact=True)).to_be_visible(timeout=WAIT)

    assert reach_start(page) <= 15
    outline = page.evaluate("() => getComputedStyle(document.activeElement).outline")
    assert "solid 2px" in outline, outline
    expect_focus_shown(page, 14)  # boxes, help, a picture's button, select boxes, popovers
    page.set_viewport_size({"width": 420, "height": 900})
    box = page.get_by_role("button", name=START).bounding_box()
    assert box
    assert box["y"] < 300
    page.set_viewport_size({"width": 1440, "height": 900})

    set_number(page, "Layer 2 channels", "24")
    changed = before.model_dump(mode="json")
    changed["model"]["layers"][1]["channels"] = 24
    expect(page.get_by_text(f"{cost_of(parse_spec(changed)).parameters:,}", exact=True)).to_be_visible(timeout=WAIT)
    # The box is the browser's own for text, so what is typed comes as it is: of "2e1" a box for numbers would make 2.
    set_number(page, "Epochs", "2e1")
    expect(page.get_by_text("Epochs must be a whole number, not “2e1”.", exact=True)).to_be_visible(timeout=WAIT)
    set_number(page, "Epochs", "29")
    page.get_by_role("textbox", name="Epochs", exact=True).press("ArrowUp")
    expect(page.get_by_text("30 epochs", exact=True)).to_be_visible(timeout=WAIT)

    run_id = start_run(page)
    wait_for_epoch(page, 2)
    page.close()  # the tab is gone; the training is not

    page = context.new_page()
    page.goto(f"{lab.url}/run?id={run_id}")
    wait_for_epoch(page, 3)
    page.get_by_role("button", name="Stop", exact=True).click()
    expect_state(page, "Stopped")
    stopped = json.loads(lab.command("show", run_id, "--json").stdout)
    assert stopped["state"] == "stopped"
    assert 3 <= stopped["epoch"] < 30

    page.get_by_role("button", name="Resume", exact=True).click()
    expect_state(page, "Finished", 2 * WAIT)
    finished = json.loads(lab.command("show", run_id, "--json").stdout)
    assert (finished["state"], finished["epoch"]) == ("finished", 30)
    assert finished["test_accuracy"] > 0.9

    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_url("**/runs*", timeout=WAIT)
    assert read_runs(lab) == []


def test_real_photographs_train_from_a_folder(page: Page, lab: LabServer, images_folder: Path, tmp_path: Path) -> None:
    photographs = copy_images(images_folder, tmp_path / "photographs", train=120, test=50)
    spec = small_spec(dataset="folder", folder=str(photographs), max_train_images=1080)
    spec = change(spec, "data.image_size=16", "model.pool_size=4")
    open_build(page, lab, f"?spec={to_link(spec)}")
    run_id = start_run(page)
    wait_for_epoch(page, 2)
    expect_state(page, "Finished")
    shown = json.loads(lab.command("show", run_id, "--json").stdout)
    # Guessing gives 10 %: the network has seen the photographs with their right classes.
    assert shown["best_val_accuracy"] > 0.2
    assert shown["test_accuracy"] > 0.2


def test_one_click_is_one_run_however_often_and_in_however_many_tabs(context: BrowserContext, lab: LabServer) -> None:
    tabs = [context.new_page(), context.new_page()]
    for tab in tabs:
        open_build(tab, lab)
    for tab in tabs:
        tab.get_by_role("button", name=START).dblclick()
    for tab in tabs:
        tab.wait_for_url("**/run?id=*", timeout=WAIT)
    started = {re.search(r"id=([0-9a-f-]+)", tab.url)[1] for tab in tabs}
    assert {run["id"] for run in read_runs(lab)} == started
    assert len(started) == 2


@pytest.mark.parametrize("address", ["", "build", "runs", "run", "lab"])
def test_a_cold_request_to_any_address_shows_the_frame(page: Page, tmp_path: Path, address: str) -> None:
    with serve_quickly(tmp_path) as lab:
        page.goto(f"{lab.url}/{address}")
        navigation = page.get_by_role("navigation", name="App pages")
        for name in ("Build", "Runs", "Lab"):
            expect(navigation.get_by_role("link", name=name)).to_be_visible(timeout=WAIT)
        expect(page.get_by_text("running", exact=False).first).to_be_visible(timeout=WAIT)


def test_hasty_clicks_on_a_live_run_of_a_cold_server_leave_the_page_whole(page: Page, tmp_path: Path) -> None:
    with serve_quickly(tmp_path, is_forked=False) as lab:  # nobody has asked it for a page yet
        run_id = lab.start_long_run()
        broken: list[str] = []
        page.on("pageerror", lambda error: broken.append(str(error)))
        page.goto(f"{lab.url}/run?id={run_id}")
        for name in ["Summary", "Charts", "Config", "Logs", "Charts", "System", "Charts"] * 2:
            page.get_by_role("tab", name=name).click(timeout=WAIT)
            page.wait_for_timeout(100)  # between two clicks, as a hasty person would
        wait_for_epoch(page, 2)
        assert broken == []
        assert page.get_by_role("tab").count() == 8
