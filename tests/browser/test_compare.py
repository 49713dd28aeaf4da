"""The Compare page in a real Chromium: charts that lose a run or gain an epoch stay as a person left them."""

import json

import pytest
from playwright.sync_api import Page

from core import files
from core.runs import Run
from tests.pages.sample_runs import make_rows, make_run, training
from tests.server import LabServer

WAIT_MS = 60_000
# Of the first chart: each trace's points and visibility, and the range across.
CHART = """() => {
  const inside = (e) => [e, ...(e.shadowRoot ? within(e.shadowRoot) : [])];
  const within = (root) => [...root.querySelectorAll('*')].flatMap(inside);
  const chart = within(document).find((e) => e._fullData && e.querySelector('.scatterlayer'));
  if (!chart) return undefined;
  const traces = chart._fullData.map((t) => ({ name: t.name, points: t.x.length, visible: t.visible }));
  const lines = chart.querySelectorAll('.scatterlayer .trace').length;
  return { traces, lines, range: chart.layout.xaxis.range };
}"""


def grow(run: Run, epochs: int) -> None:
    (run.path / "metrics.jsonl").write_bytes(b"".join(map(files.to_line, make_rows(epochs))))


def wait_for(page: Page, condition: str) -> None:
    """`condition` is JavaScript on the chart as `chart`."""
    page.wait_for_function(f"() => {{ const chart = ({CHART})(); return chart && ({condition}); }}", timeout=WAIT_MS)


def zoom_in(page: Page) -> None:
    """Drags across a part of the first chart."""
    whole = page.evaluate(CHART)["range"]
    box = page.locator(".nsewdrag").first.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.2 * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], middle, steps=5)
    page.mouse.up()
    wait_for(page, f"chart.range.join() !== '{','.join(map(str, whole))}'")


def test_a_chart_survives_losing_a_run_and_grows_with_zoom_and_legend_kept(
    page: Page, lab: LabServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESNET_LAB_RUNS", str(lab.folder / "runs"))
    runs = [make_run(name=name, settings=(f"train.epochs={50 + place}",)) for place, name in enumerate("abc")]
    warnings: list[str] = []
    page.on("console", lambda message: warnings.append(message.text) if "lab chart" in message.text else None)
    with training(runs[2]):
        page.goto(f"{lab.url}/compare?ids={','.join(run.id for run in runs)}", timeout=WAIT_MS)
        wait_for(page, "chart.lines === 6")
        row = page.locator(".lab-compare tbody tr").nth(1)
        row.hover()
        row.get_by_role("button", name="Leave b out").click()
        wait_for(page, "chart.lines === 4")
        assert runs[1].id not in page.evaluate("location.href")

        page.locator(".legendtoggle").first.click()
        wait_for(page, "chart.traces[0].visible === 'legendonly'")
        zoom_in(page)
        zoomed = page.evaluate(CHART)["range"]
        grow(runs[2], 30)
        wait_for(page, "chart.traces.some((trace) => trace.points === 30)")
        assert page.evaluate(CHART)["range"] == zoomed
        hidden = [trace for trace in page.evaluate(CHART)["traces"] if trace["visible"] == "legendonly"]
        assert {trace["name"] for trace in hidden} == {"a"}
    assert warnings == [], json.dumps(warnings)
