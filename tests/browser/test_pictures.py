"""Every chart of every page leaves as CSV, PNG and SVG: with title and legend, on white, also out of the dark theme."""

import csv
import io
import os
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from core.charts.palette import pick_ink
from core.examine.history import read_history
from core.text.formats import format_percent
from tests.compared_runs import make_compared, right
from tests.examined import make_examined
from tests.lab_server import LabServer
from tests.pages.sample_studies import make_spec, make_study

WAIT_MS = 90_000
DARK_TEXT = "rgb(228, 232, 238)"  # the dark theme's, which nobody could read on white
WHITE = "rgb(255, 255, 255)"
# Pictures to look at are left here, where this names a folder.
KEPT = os.environ.get("RESNET_LAB_KEEP_PICTURES")


@dataclass
class Saved:
    """What one chart left: the rows of its CSV, the words of its picture and the picture's height."""

    rows: list[dict[str, str]]
    words: list[str]
    height: int
    svg: str


@pytest.fixture
def dark(page: Page, lab: LabServer, monkeypatch: pytest.MonkeyPatch) -> Page:
    monkeypatch.setenv("RESNET_LAB_RUNS", str(lab.folder / "runs"))
    page.emulate_media(color_scheme="dark")
    return page


def find_charts(page: Page, titles: list[str]) -> list[Locator]:
    """The charts of a page by their titles, once all of them are drawn."""
    charts = [
        page.locator(".lab-chart:visible").filter(has=page.get_by_role("heading", name=title, exact=True))
        for title in titles
    ]
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    for chart in charts:
        try:
            chart.locator(".main-svg, .lab-matrix td").first.wait_for(timeout=WAIT_MS)
        except PlaywrightTimeout as error:
            shown = page.locator(".lab-chart").evaluate_all("all => all.map(each => each.outerHTML.slice(0, 400))")
            raise AssertionError((said, shown, page.locator("body").inner_text()[-1500:])) from error
    shown = page.locator(".lab-chart:visible h4")
    assert shown.count() == len(titles), shown.all_inner_texts()
    return charts


def save_chart(page: Page, chart: Locator, kinds: tuple[str, ...]) -> Saved:
    title = chart.locator("h4").inner_text()
    chart.hover()
    content = {}
    for kind in kinds:
        with page.expect_download(timeout=WAIT_MS) as download:
            chart.get_by_role("button", name=kind, exact=True).click()
        content[kind] = download.value.path().read_bytes()
        assert download.value.suggested_filename.endswith(f".{kind.lower()}")
        if KEPT:
            name = re.sub(r"\W+", "-", title)
            Path(KEPT, f"{name}.{kind.lower()}").write_bytes(content[kind])
    svg = content["SVG"].decode()
    root = ElementTree.fromstring(svg)
    words = [unescape("".join(text.itertext())).strip() for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert title in words, words
    assert WHITE in svg
    assert DARK_TEXT not in svg
    rows = list(csv.DictReader(io.StringIO(content["CSV"].decode())))
    assert rows
    if "PNG" in content:
        with Image.open(io.BytesIO(content["PNG"])) as image:
            assert image.convert("RGB").getpixel((2, 2)) == (255, 255, 255)
            assert image.size == (int(root.attrib["width"]), int(root.attrib["height"]))
    return Saved(rows, words, int(root.attrib["height"]), svg)


def save_all(page: Page, titles: list[str]) -> dict[str, Saved]:
    """Of the first chart the PNG too: it is made of the SVG, and takes a second."""
    return {
        title: save_chart(page, chart, ("CSV", "SVG", "PNG") if chart is charts[0] else ("CSV", "SVG"))
        for charts in [find_charts(page, titles)]
        for title, chart in zip(titles, charts, strict=True)
    }


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()
    page.locator(f'[role="tab"][aria-selected="true"]:has-text("{name}")').wait_for(timeout=WAIT_MS)


def test_charts_of_a_run_leave_with_their_legend(dark: Page, lab: LabServer) -> None:
    run = make_examined(name="one")
    titles = ["Loss", "Accuracy", "Learning rate", "Images per second"]
    dark.goto(f"{lab.url}/run?id={run.id}")
    found = save_all(dark, titles)
    ink = pick_ink(run.id)
    assert dark.locator(".lab-plot").first.evaluate("(plot) => plot._fullData[0].line.color") == ink.dark
    red, green, blue = (int(ink.light[start : start + 2], 16) for start in (1, 3, 5))
    assert f"rgb({red}, {green}, {blue})" in found["Loss"].svg
    for title in ("Loss", "Accuracy"):
        assert {"training", "validation", "epoch"} <= set(found[title].words)
        assert [row["series"] for row in found[title].rows] == [
            f"{s}/{title.lower()}" for s in ("train", "val") for _ in range(4)
        ]
    assert [float(row["value"]) for row in found["Loss"].rows[4:]] == pytest.approx(
        [row["val/loss"] for row in run.rows()], rel=1e-6
    )
    ticks = [word for word in found["Accuracy"].words if word.endswith("%")]
    assert ticks
    assert all(re.fullmatch(r"\d+(\.\d)? %", tick) for tick in ticks), ticks
    open_tab(dark, "System")
    assert "CPU, of one core" in save_all(dark, ["Device use", "Memory"])["Device use"].words


def test_charts_of_a_comparison_leave_with_every_name(dark: Page, lab: LabServer) -> None:
    groups = [("wide <b>", 32, (0, 1)), ("narrow & slow", 8, (0, 1)), ("middle", 16, (0,))]
    runs = [
        make_compared(
            right(900 + 5 * seed - width, 1000, seed),
            seed=seed,
            name=f"{name} seed {seed}",
            settings=(f"model.stem_channels={width}",),
        )
        for name, width, seeds in groups
        for seed in seeds
    ]
    dark.goto(f"{lab.url}/compare?ids={','.join(run.id for run in runs)}")
    names = {"wide <b>", "narrow & slow", "middle seed 0"}
    curves = save_all(dark, ["Accuracy", "Loss"])
    assert names <= set(curves["Accuracy"].words)
    assert {row["run"] for row in curves["Accuracy"].rows} == names
    assert {
        row["seeds"] for row in curves["Loss"].rows if row["run"] == "wide <b>" and row["series"] == "val/loss mean"
    } == {"2"}
    open_tab(dark, "Is it better?")
    title = "Test accuracy minus that of wide <b>, points"
    judged = save_all(dark, [title])[title]
    assert [row["run"] for row in judged.rows] == ["narrow & slow", "middle seed 0"]
    assert float(judged.rows[0]["95 % from"]) < float(judged.rows[0]["points"]) < float(judged.rows[0]["95 % to"])
    open_tab(dark, "Scatter")
    title = "Test acc., last weights by parameters"
    points = save_all(dark, [title])[title]
    assert names <= {row["run"] for row in points.rows}
    assert names <= {word.strip() for word in points.words}
    open_tab(dark, "Parallel")
    title = "The fields that differ, coloured by best val. accuracy"
    lines = save_all(dark, [title])[title]
    assert names <= set(lines.words)
    assert [row["Stem channels"] for row in lines.rows] == ["32", "8", "16"]


def test_pictures_of_many_runs_name_every_one(dark: Page, lab: LabServer) -> None:
    runs = [
        make_compared(None, name=f"run of number {place}", settings=(f"train.batch_size={32 + place}",))
        for place in range(30)
    ]
    dark.goto(f"{lab.url}/compare?ids={','.join(run.id for run in runs)}")
    found = save_chart(dark, find_charts(dark, ["Accuracy", "Loss"])[0], ("CSV", "SVG"))
    assert {run.about.name for run in runs} <= set(found.words)
    assert {row["run"] for row in found.rows} == {run.about.name for run in runs}
    assert found.height > 1100  # higher, so that the legend takes no room from the lines


def test_matrix_reliability_and_history_leave_too(dark: Page, lab: LabServer) -> None:
    run = make_examined(name="one")
    dark.goto(f"{lab.url}/examine?id={run.id}&split=test&epoch=2")
    matrix = save_all(dark, ["Confusion matrix"])["Confusion matrix"]
    assert {"kind 0", "kind 9", "true class", "predicted class"} <= set(matrix.words)
    assert len(matrix.rows) == 10
    assert sum(int(value) for row in matrix.rows for name, value in row.items() if name != "true class") == 90
    open_tab(dark, "Confidence")
    found = save_all(dark, ["Reliability"])["Reliability"]
    assert {"as trained", "perfectly calibrated", "mean confidence"} <= set(found.words)
    assert sum(int(row["images"]) for row in found.rows if row["run"] == "as trained") == 90
    open_tab(dark, "History")
    accuracy = format_percent(float(read_history(run).right[1].mean()))
    title = f"Confusion matrix after epoch 2: {accuracy} right"
    found = save_all(dark, [title, "Learnt and forgotten"])
    assert {"learnt", "forgotten"} <= set(found["Learnt and forgotten"].words)
    assert "kind 3" in found[title].words


STUDY = {
    "History": {"Best so far", "Finished trials", "Trial"},
    "Importance": {"Learning rate"},
    "Slice": {"Learning rate", "Attention", "None", "Squeeze-and-excitation"},
    "Contour": {"Learning rate", "Attention"},
    "Parallel Coordinate": {"Learning rate", "Attention"},
    "Rank": {"Learning rate", "Attention", "best", "worst"},
    "Timeline": {"Finished", "Pruned"},
    "Intermediate Values": {"Epoch", "Best: trial 3"},
}


def test_figures_of_a_study_leave_with_what_their_points_stand_for(dark: Page, lab: LabServer) -> None:
    make_study("pictures", 16)
    dark.goto(f"{lab.url}/studies?name=pictures&x_field=Learning+rate&y_field=Attention")
    for plot, words in STUDY.items():
        open_tab(dark, plot)
        found = save_all(dark, [plot])[plot]
        assert all(any(word.startswith(each) for word in found.words) for each in words), (plot, found.words)
        if plot in ("Slice", "Contour", "Rank", "Parallel Coordinate"):
            best = next(row for row in found.rows if row["Trial"] == "3")
            assert best["Attention"] == "Squeeze-and-excitation"
            assert 1e-4 <= float(best["Learning rate"]) <= 1e-2
    assert {row["trial"] for row in found.rows if row["series"] == "Best: trial 3"} == {"3"}


def test_the_pareto_front_leaves_with_both_objectives(dark: Page, lab: LabServer) -> None:
    make_study("front", 8, make_spec(objectives=["val/loss", "parameters"], trials=8))
    dark.goto(f"{lab.url}/studies?name=front&plot=Pareto+Front")
    found = save_chart(dark, find_charts(dark, ["Pareto Front"])[0], ("CSV", "SVG"))
    assert {"Pareto front", "Other trials"} <= set(found.words)
    assert len(found.rows) == 7  # the last is infeasible
