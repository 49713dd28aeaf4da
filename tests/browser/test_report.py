"""A report in a real Chromium, opened from the disk with no network at all."""

import csv
import io
from html import unescape
from pathlib import Path

import pytest
from playwright.sync_api import Download, Page, Route

from core.export.report.make import make_report
from core.runs.folder import Run
from tests.compared_runs import make_compared, right
from tests.examined import make_examined

WAIT_MS = 60_000
EVIL = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
DRAWN = """() => [...document.querySelectorAll('.plot')].filter((e) => e.clientWidth)
  .every((e) => e._fullData && e.querySelector('.main-svg'))"""
RANGE = "() => document.querySelector('.plot')._fullLayout.xaxis.range.map((each) => +each.toFixed(6))"


class Opened:
    """A report in the browser, and what it asked the network for or complained of."""

    def __init__(self, page: Page, folder: Path, *runs: Run) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        file = folder / "report.html"
        file.write_bytes(make_report([run.id for run in runs]))
        page.route("**/*", self._pass_files)
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.context.set_offline(True)
        page.goto(file.as_uri())
        page.wait_for_function(DRAWN, timeout=WAIT_MS)

    def _pass_files(self, route: Route) -> None:
        if route.request.url.endswith("/report.html"):
            route.continue_()
        else:
            self.requests.append(route.request.url)
            route.abort()

    def save(self, title: str, button: str) -> Download:
        chart = self.page.locator(f'.chart[aria-label="{title}"]')
        chart.hover()
        with self.page.expect_download(timeout=WAIT_MS) as download:
            chart.get_by_role("button", name=button, exact=True).click()
        return download.value


def zoom_in(page: Page) -> list[float]:
    """Drags across a part of the first chart; returns what it then shows."""
    before = page.evaluate(RANGE)
    box = page.locator(".nsewdrag").first.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.2 * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], middle, steps=5)
    page.mouse.up()
    page.wait_for_function(f"(before) => ({RANGE})().join() !== before.join()", arg=before)
    after = page.evaluate(RANGE)
    assert before[0] < after[0] < after[1] < before[1]
    return after


@pytest.fixture
def run() -> Run:
    return make_examined(name=f"one {EVIL}")


def test_charts_are_drawn_and_zoomed_offline_and_nothing_written_into_a_run_runs(
    page: Page, tmp_path: Path, run: Run
) -> None:
    run.update_about(note=EVIL, tags=(EVIL[:60],))
    opened = Opened(page, tmp_path, run)
    assert page.locator(".plot .main-svg").first.is_visible()
    whole = page.evaluate(RANGE)
    zoom_in(page)
    page.locator(".nsewdrag").first.dblclick()
    page.wait_for_function(f"(whole) => ({RANGE})().join() === whole.join()", arg=whole)
    assert page.get_by_text(EVIL).count() >= 2
    assert page.evaluate("window.hacked") is None
    assert opened.requests == []
    assert opened.complaints == []
    # Even what got in could not run, nor ask anything of anybody.
    page.evaluate("""() => {
        const script = document.createElement('script');
        script.textContent = 'window.hacked = 2';
        document.body.append(script);
        document.body.insertAdjacentHTML('beforeend', `<img src="https://example.org/x.png" onerror="hacked = 3">`);
    }""")
    assert page.evaluate("fetch('https://example.org/').then(() => 'sent', () => 'refused')") == "refused"
    assert page.evaluate("window.hacked") is None
    assert opened.requests == []


def test_it_follows_the_theme_and_keeps_the_zoom(page: Page, tmp_path: Path, run: Run) -> None:
    page.emulate_media(color_scheme="light")
    Opened(page, tmp_path, run)
    colours = (
        "() => [getComputedStyle(document.body).backgroundColor, document.querySelector('.plot').layout.font.color]"
    )
    assert page.evaluate(colours) == ["rgb(255, 255, 255)", "rgb(27, 35, 48)"]
    zoomed = zoom_in(page)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"() => ({colours})()[1] === 'rgb(228, 232, 238)'", timeout=WAIT_MS)
    assert page.evaluate(colours)[0] == "rgb(17, 21, 28)"
    assert page.evaluate(RANGE) == zoomed
    page.emulate_media(color_scheme="dark", media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.wait_for_function(f"() => ({colours})().join() === 'rgb(255, 255, 255),rgb(27, 35, 48)'", timeout=WAIT_MS)
    widest = page.evaluate("Math.max(...[...document.querySelectorAll('.plot')].map((each) => each.offsetWidth))")
    assert widest <= 690  # the width of the paper within its margins


def test_a_comparison_saves_its_curves_with_legend_on_white(page: Page, tmp_path: Path) -> None:
    page.emulate_media(color_scheme="dark")
    runs = [
        make_compared(right(900 - 20 * place, 1000), name=name, settings=(f"train.epochs={6 + place}",))
        for place, name in enumerate(("wide", "narrow & <deep>"))
    ]
    opened = Opened(page, tmp_path, *runs)
    picture = unescape(opened.save("Accuracy", "SVG").path().read_text())
    for word in ("Accuracy", "wide", "narrow & <deep>", "epoch"):
        assert f">{word}<" in picture
    assert "rgb(255, 255, 255)" in picture
    assert "rgb(228, 232, 238)" not in picture  # the text of the dark theme
    png = opened.save("Accuracy", "PNG")
    assert png.path().read_bytes().startswith(b"\x89PNG")
    assert png.suggested_filename == "compare-accuracy.png"
    rows = list(csv.DictReader(io.StringIO(opened.save("Accuracy", "CSV").path().read_text())))
    assert {row["run"] for row in rows} == {"wide", "narrow & <deep>"}
    assert opened.complaints == []
