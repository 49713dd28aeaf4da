"""What is pointed at in one chart is shown in the others of the page, and colours are chosen where they are seen."""

import pytest
from playwright.sync_api import Page

from core.runs.store import open_run
from core.system import files
from tests.lab_server import LabServer
from tests.pages.sample_runs import make_rows, make_run

WAIT_MS = 60_000
LAYERS = ("stem", "layers.0.0.body.0", "head")


@pytest.fixture(autouse=True)
def folders_of_the_lab(lab: LabServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESNET_LAB_RUNS", str(lab.folder / "runs"))


def wait_for_lines(page: Page, condition: str) -> None:
    """`condition` is JavaScript on the traces of every chart as `charts`."""
    charts = "[...document.querySelectorAll('.lab-plot')].map((plot) => plot._fullData ?? [])"
    page.wait_for_function(
        f"() => {{ const charts = {charts}; return charts.length && ({condition}); }}", timeout=WAIT_MS
    )


def point_at_the_first(page: Page) -> None:
    """Two movements, as a hand makes them: the first one enters."""
    box = page.locator(".lab-plot .nsewdrag").first.bounding_box()
    assert box
    for share in (0.5, 0.51):
        page.mouse.move(box["x"] + share * box["width"], box["y"] + 0.5 * box["height"])


def test_a_colour_chosen_in_the_table_is_drawn_and_charts_of_the_run_that_is_left_share_the_pointer(
    page: Page, lab: LabServer
) -> None:
    runs = [make_run(name=name, settings=(f"train.epochs={5 + place}",)) for place, name in enumerate("ab")]
    page.goto(f"{lab.url}/compare?ids={','.join(run.id for run in runs)}", timeout=WAIT_MS)
    wait_for_lines(page, "charts.every((lines) => lines.length === 4)")
    page.get_by_label("Colour of a", exact=True).fill("#c04060")
    wait_for_lines(page, "charts.every((lines) => lines.some(({ line }) => line.color === '#c04060'))")
    assert open_run(runs[0].id).about.colour == "#c04060"

    page.locator(".lab-compare tbody tr").nth(1).hover()
    page.get_by_role("button", name="Leave b out").click()
    wait_for_lines(page, "charts.every((lines) => lines.length === 2)")
    point_at_the_first(page)
    page.wait_for_function("() => document.querySelectorAll('.lab-plot')[1].querySelector('.hoverlayer .legend')")


def test_an_epoch_pointed_at_is_shown_in_all_panels_of_the_layers(page: Page, lab: LabServer) -> None:
    run = make_run()
    norms = {f"norms/{layer}/{kind}": 1.0 for layer in LAYERS for kind in ("weights", "gradients", "updates")}
    (run.path / "metrics.jsonl").write_bytes(b"".join(files.to_line({**row, **norms}) for row in make_rows(5)))
    page.goto(f"{lab.url}/run?tab=Layers&id={run.id}", timeout=WAIT_MS)
    wait_for_lines(page, "charts[0].length === 9")
    point_at_the_first(page)
    page.wait_for_function("() => document.querySelectorAll('.lab-rules > div').length === 9", timeout=WAIT_MS)
    page.mouse.move(2, 2)
    page.wait_for_function("() => !document.querySelector('.lab-rules > div')", timeout=WAIT_MS)
