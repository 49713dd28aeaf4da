"""The Compare page in a real Chromium: charts that lose a run or gain an epoch stay as a person left them."""

import json

import pytest
from playwright.sync_api import Page

from core.runs.folder import Run
from core.system import files
from tests.lab_server import LabServer
from tests.pages.sample_runs import make_rows, make_run, training

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
        page.wait_for_url(lambda url: runs[1].id not in url, timeout=WAIT_MS)

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


def point_at(page: Page, share: float, value: float) -> None:
    """Moves the pointer in the first chart to a share of its width, at the height of a value."""
    at = page.evaluate(
        """([share, value]) => {
          const plot = document.querySelector('.lab-plot');
          const { xaxis, yaxis } = plot._fullLayout;
          const box = plot.getBoundingClientRect();
          return [box.x + xaxis._offset + share * xaxis._length, box.y + yaxis._offset + yaxis.d2p(value)];
        }""",
        [share, value],
    )
    page.mouse.move(*at)


def named(page: Page, chart: int = 0) -> list[str]:
    """The names in the label of a chart, in its order."""
    cells = page.locator(".lab-nearest").nth(chart).locator("td:first-child").all_text_contents()
    return [cell.lstrip("●◆■▲✖✚★").split(" mean of")[0] for cell in cells]


def test_the_pointer_names_the_nearest_run_first_and_at_most_ten(
    page: Page, lab: LabServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESNET_LAB_RUNS", str(lab.folder / "runs"))
    tops = [round(0.3 + 0.02 * number, 2) for number in range(30)]
    runs = [
        make_run(name=f"top {top}", top=top, settings=(f"train.epochs={9 + place}",)) for place, top in enumerate(tops)
    ]
    page.goto(f"{lab.url}/compare?training=false&ids={','.join(run.id for run in runs)}", timeout=WAIT_MS)
    page.wait_for_function("() => document.querySelector('.lab-plot')?._fullData?.length", timeout=WAIT_MS)
    # At the fourth of five epochs every curve is at its top.
    for pointed in (0.42, 0.78):
        point_at(page, 0.75, pointed)
        page.wait_for_function(
            "name => document.querySelector('.lab-nearest td')?.textContent.endsWith(name)", arg=f"top {pointed}"
        )
        expected = sorted(tops, key=lambda top: (abs(top - pointed), top))[:10]
        assert named(page)[0] == f"top {pointed}"
        assert {float(name.removeprefix("top ")) for name in named(page)[:9]} == set(expected[:9])
        label = page.locator(".lab-nearest").first.inner_text()
        assert "and 20 more" in label
        # The other chart says what those runs have there, in the same order.
        page.wait_for_function(
            "at => document.querySelectorAll('.lab-nearest')[1]?.textContent.startsWith(at)",
            arg=label.split("\n")[0][:7],
        )
        assert named(page, 1) == named(page)
    page.mouse.move(5, 5)
    page.wait_for_function("() => [...document.querySelectorAll('.lab-nearest')].every((each) => !each.offsetParent)")


def test_a_range_drawn_on_an_axis_narrows_the_runs_and_keeps_them(
    page: Page, lab: LabServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESNET_LAB_RUNS", str(lab.folder / "runs"))
    rates = (0.001, 0.003, 0.01, 0.03)
    runs = [make_run(name=f"rate {rate}", settings=("train.epochs=5", f"train.learning_rate={rate}")) for rate in rates]
    page.goto(f"{lab.url}/compare?tab=Parallel&ids={','.join(run.id for run in runs)}", timeout=WAIT_MS)
    page.wait_for_function("() => document.querySelector('.lab-plot')?._fullLayout?.meta?.brush", timeout=WAIT_MS)
    low, high = (axis_at(page, 0, height) for height in (0.5, 0.9))
    page.mouse.move(*high)
    page.mouse.down()
    page.mouse.move(*low, steps=4)
    assert page.locator(".lab-brush").is_visible()
    page.mouse.up()
    page.get_by_role("button", name="Keep this one").wait_for(timeout=WAIT_MS)
    assert page.locator(".compare-chosen").inner_text().strip() == "rate 0.01"

    page.mouse.click(*axis_at(page, 0, 0.7))  # within the range: it is taken back
    page.get_by_text("Drag along an axis").wait_for(timeout=WAIT_MS)
    page.mouse.click(*axis_at(page, 0, 1.0))  # a value alone
    page.get_by_role("button", name="Keep this one").click(timeout=WAIT_MS)
    # The two parts of the address change one after the other.
    page.wait_for_url(lambda url: f"ids={runs[3].id}" in url and "brush" not in url, timeout=WAIT_MS)


# Of values beside the upright axes but the last: what is shown, what a pointer finds, and the pixels before the next.
BESIDE = """() => {
  const plot = document.querySelector('.lab-plot');
  if (!plot?._fullLayout?.meta?.brush) return [];
  const { xaxis, annotations, meta } = plot._fullLayout;
  const left = plot.getBoundingClientRect().x + xaxis._offset;
  const drawn = [...plot.querySelectorAll('.annotation-text-g')].map((each) => each.getBoundingClientRect().right);
  const all = annotations.map(({ x, text, hovertext }, i) => (
    { x, text, whole: hovertext || text, room: left + xaxis.d2p(x + 1) - drawn[i] }
  ));
  return all.filter(({ x }) => x < meta.brush.length - 1);
}"""


def test_a_value_beside_an_axis_is_cut_only_where_the_next_axis_is_too_near(
    page: Page, lab: LabServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESNET_LAB_RUNS", str(lab.folder / "runs"))
    chosen = (
        ("train.optimizer=sgd", "train.learning_rate=0.01"),
        ("train.optimizer=adam", "train.learning_rate=0.001"),
    )
    ids = ",".join(make_run(settings=("train.epochs=5", *settings)).id for settings in chosen)
    page.goto(f"{lab.url}/compare?tab=Parallel&ids={ids}", timeout=WAIT_MS)
    whole = "SGD with momentum"
    page.wait_for_function(f"() => ({BESIDE})().some(({{ text }}) => text === '{whole}')", timeout=WAIT_MS)
    assert min(each["room"] for each in page.evaluate(BESIDE)) > 0
    page.set_viewport_size({"width": 375, "height": 800})
    page.wait_for_function(f"() => ({BESIDE})().some(({{ text }}) => text.endsWith('…'))", timeout=WAIT_MS)
    narrow = page.evaluate(BESIDE)
    assert min(each["room"] for each in narrow) > 0
    assert [each["text"] for each in narrow if each["whole"] == whole] != [whole]
    assert len([each for each in narrow if each["whole"] == whole]) == 1


def axis_at(page: Page, place: int, height: float) -> tuple[float, float]:
    """Where on the page an upright axis has this height, 0 to 1."""
    x, y = page.evaluate(
        """([place, height]) => {
          const plot = document.querySelector('.lab-plot');
          const { xaxis, yaxis } = plot._fullLayout;
          const box = plot.getBoundingClientRect();
          return [box.x + xaxis._offset + xaxis.d2p(place), box.y + yaxis._offset + yaxis.d2p(height)];
        }""",
        [place, height],
    )
    return x, y
