"""The Runs page in a real Chromium: the search completes what is typed, and the table's look stays in the address."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.lab_server import LabServer
from tests.pages.sample_runs import make_run

WAIT = 30_000
CHOICES = "choices => choices.map((choice) => choice.value)"


@pytest.fixture
def runs(lab: LabServer, monkeypatch: pytest.MonkeyPatch) -> LabServer:
    monkeypatch.setenv("RESNET_LAB_RUNS", str(lab.folder / "runs"))
    for name, optimizer in (("a", "adam"), ("b", "muon")):
        make_run(name=name, tags=["base line"], settings=("train.epochs=5", f"train.optimizer={optimizer}"))
    return lab


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("mom", "momentum "),
        ("optimizer = muon momen", "optimizer = muon momentum "),
        ("train.optimizer = mu", "train.optimizer = muon"),
        ("tag:ba", 'tag:"base line"'),
    ],
)
def test_the_search_completes_fields_and_values(page: Page, runs: LabServer, typed: str, first: str) -> None:
    page.goto(f"{runs.url}/runs")
    box = page.locator(".st-key-q input")
    expect(page.locator("table tbody tr")).to_have_count(2)
    box.fill(typed)
    choices = page.locator("#lab-query-choices option")
    expect(choices.first).to_have_attribute("value", first)
    box.fill(f'"{typed}')
    expect(choices).to_have_count(0)


def test_columns_and_groups_stay_in_the_address_and_come_back_with_it(page: Page, runs: LabServer) -> None:
    page.goto(f"{runs.url}/runs?columns=name,train.optimizer&group=train.optimizer")
    rows = page.locator("table tbody tr")
    expect(rows).to_have_count(2)
    expect(page.locator("table thead")).to_contain_text("Optimizer")
    page.get_by_role("button", name="Views").click()
    page.get_by_label("Name", exact=True).fill("By optimizer")
    page.get_by_role("button", name="Save what is shown").click()
    page.goto(f"{runs.url}/runs")
    expect(page.locator("table thead")).to_contain_text("Best val.")
    page.get_by_role("button", name="Views").click()
    page.get_by_role("button", name="By optimizer", exact=True).click()
    expect(page).to_have_url(re.compile(r"group=train\.optimizer"))
    expect(page.locator("table thead")).not_to_contain_text("Best val.")


def test_who_comes_back_by_the_menu_finds_columns_groups_and_order_as_they_were(page: Page, runs: LabServer) -> None:
    page.goto(f"{runs.url}/runs?columns=name,train.optimizer,best&group=train.optimizer")
    head = page.locator("table thead")
    head.get_by_text("Best val.").click()
    expect(page).to_have_url(re.compile("sort="))
    left = page.url
    page.get_by_role("link", name="Lab", exact=True).click()
    expect(page).to_have_url(f"{runs.url}/lab")
    page.get_by_role("link", name="Runs", exact=True).click()
    expect(head).to_contain_text("Optimizer")
    expect(head).not_to_contain_text("Duration")
    assert parse_qs(urlsplit(page.url).query) == parse_qs(urlsplit(left).query)


RIGHT_EDGES = """table => {
  const edge = (element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    return range.getBoundingClientRect().right;
  };
  return [...table.querySelectorAll("thead th.right")].map((head) => [
    edge(head.querySelector("button")),
    edge(table.querySelector(`tbody tr td:nth-child(${head.cellIndex + 1})`)),
  ]);
}"""


def test_the_label_of_numbers_ends_where_the_numbers_do(page: Page, runs: LabServer) -> None:
    page.goto(f"{runs.url}/runs?sort=-best")
    expect(page.locator("table tbody tr")).to_have_count(2)
    edges = page.locator("table").first.evaluate(RIGHT_EDGES)
    assert len(edges) > 4
    for label, number in edges:
        assert label == pytest.approx(number, abs=1)


def test_what_finds_runs_stands_in_one_row(page: Page, runs: LabServer) -> None:
    page.set_viewport_size({"width": 1424, "height": 900})  # of 1440 without a bar that scrolls
    page.goto(f"{runs.url}/runs")
    first, last = (page.get_by_role("button", name=name) for name in ("Columns and groups", "New run"))
    expect(last).to_be_visible()
    boxes = first.bounding_box(), last.bounding_box()
    assert len({box["y"] for box in boxes if box}) == 1


def test_the_title_of_a_question_is_above_its_words(page: Page, runs: LabServer) -> None:
    page.goto(f"{runs.url}/run?id={make_run(name='asked').id}")
    page.get_by_role("button", name="Delete", exact=True).click()
    lefts = [page.get_by_role("dialog").get_by_text(text).bounding_box() for text in ("Delete for good?", "This run's")]
    first, second = [box["x"] for box in lefts if box]
    assert abs(first - second) < 2


def test_a_colour_is_kept_when_its_chooser_is_left_by_a_click_elsewhere(page: Page, runs: LabServer) -> None:
    run = make_run(name="coloured")
    page.goto(f"{runs.url}/run?id={run.id}")
    page.get_by_role("button", name="Colour of this run").click()
    page.locator("input[id^='rc-editable-input']").first.fill("#a01010")
    page.mouse.click(700, 700)
    expect(page.get_by_role("button", name="Its own colour")).to_be_visible()
    expect(page.get_by_test_id("stColorPickerBlock")).to_have_css("background-color", "rgb(160, 16, 16)")
    assert run.about.colour == "#a01010"


def test_two_runs_are_selected_and_compared_by_the_keyboard_alone(page: Page, runs: LabServer) -> None:
    page.goto(f"{runs.url}/runs")
    boxes = page.locator("table tbody input")
    expect(boxes).to_have_count(2, timeout=WAIT)
    boxes.first.focus()
    page.keyboard.press("Space")
    expect(page.get_by_text("1 selected")).to_be_visible(timeout=WAIT)
    page.keyboard.press("ArrowDown")
    expect(boxes.nth(1)).to_be_focused(timeout=WAIT)
    page.keyboard.press("Space")
    expect(page.get_by_text("2 selected")).to_be_visible(timeout=WAIT)
    page.keyboard.press("Control+Enter")
    expect(page).to_have_url(re.compile("/compare"), timeout=WAIT)
