"""Draws accuracy against seconds of a core, from what was measured: `docs/accuracy.svg` (needs Chromium).

Lines are validation after each epoch, of the first seed; large marks are the test images, looked at once by the last
weights, as the mean of the seeds. The plain loop trains the same network on the same images, so its line is the
report's, by the ratio of their rates.

    python -m benchmarks.accuracy_chart
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from playwright.sync_api import sync_playwright

from benchmarks.machine import read_result
from benchmarks.presets import REPORT_ACCURACY
from core.charts.plotly_script import read_script
from core.system.folders import PROJECT
from core.text.formats import format_percent
from tests.browser.conftest import CHROMIUM, FLAGS

PICTURE = PROJECT / "docs" / "accuracy.svg"
SIZE = {"width": 900, "height": 480}
# By preset. Told apart without colour too: each has its symbol.
MARKS = {
    "report": ("#0d8ba1", "circle"),
    "report-in-minutes": ("#d4267f", "diamond"),
    "report-beaten": ("#7a3fd0", "square"),
    "preact-muon-16": ("#4f7d1a", "triangle-up"),
}
AIRBENCH = ("#c25a00", "star")
SHARES = [share / 100 for share in range(55, 95, 5)]
INK, GRID = "#3c4654", "#e3e6ea"


def gather_traces(
    presets: Mapping[str, Any], airbench: Mapping[str, Any], plain_ratio: float
) -> Iterator[dict[str, Any]]:
    """Plotly's traces; a preset that nobody measured has none."""
    for name, (colour, symbol) in MARKS.items():
        if not (found := presets.get(name)):
            continue
        seconds, accuracy = found.get("cpu_seconds") or found["train_seconds"], found["test_accuracy"]
        if courses := found.get("courses"):
            course = courses[0]
            yield _draw_line(name, course["cpu_seconds"], course["val_accuracy"], {"color": colour})
            if name == "report":
                slower = [plain_ratio * each for each in course["cpu_seconds"]]
                dashed = {"color": colour, "dash": "dash"}
                yield _draw_line("report, a plain loop", slower, course["val_accuracy"], dashed) | {"showlegend": True}
        told = f"{name}, {found['epochs']:g} epochs: {format_percent(accuracy['mean'])}"
        yield _draw_marks(told, [seconds["mean"]], [accuracy["mean"]], colour, symbol, accuracy["standard_deviation"])
    points = airbench["results"]
    epochs = " and ".join(str(point["epochs"]) for point in points)
    accuracies = [point["test_accuracy"] for point in points]
    told = f"airbench94, {epochs} epochs: {', '.join(map(format_percent, accuracies))}"
    yield _draw_marks(told, [point["cpu_seconds"] for point in points], accuracies, *AIRBENCH)


def _draw_line(name: str, x: list[float], y: list[float], line: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "x": x, "y": y, "mode": "lines", "line": {"width": 2, **line}, "showlegend": False}


def _draw_marks(
    name: str, x: list[float], y: list[float], colour: str, symbol: str, deviation: float | None = None
) -> dict[str, Any]:
    marks = {"name": name, "x": x, "y": y, "mode": "markers", "marker": {"color": colour, "symbol": symbol, "size": 12}}
    return marks | ({"error_y": {"array": [deviation], "color": colour}} if deviation else {})


def lay_out() -> dict[str, Any]:
    published = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": REPORT_ACCURACY, "y1": REPORT_ACCURACY}
    told = f"{format_percent(REPORT_ACCURACY, 3)}, as the report tells"
    said = {"text": told, "xref": "paper", "x": 0, "xanchor": "left"}
    axis = {"gridcolor": GRID, "zeroline": False, "linecolor": GRID}
    ticks = [100, 200, 500, 1000, 2000, 5000, 10_000, 20_000]
    return {
        **SIZE,
        "font": {"color": INK, "family": "sans-serif", "size": 13},
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "margin": {"l": 64, "r": 16, "t": 16, "b": 52},
        "legend": {"x": 0.99, "xanchor": "right", "y": 0.03, "yanchor": "bottom", "bgcolor": "#ffffff"},
        "xaxis": {
            **axis,
            "type": "log",
            "range": [2, 4.5],
            "title": {"text": "seconds of one core"},
            "tickvals": ticks,
            "ticktext": [f"{tick:,}" for tick in ticks],
        },
        "yaxis": {
            **axis,
            "title": {"text": "accuracy"},
            "range": [0.55, 0.92],
            "tickvals": SHARES,
            "ticktext": [format_percent(share, 0) for share in SHARES],
        },
        "shapes": [{**published, "line": {"color": INK, "width": 1, "dash": "dot"}}],
        "annotations": [{**said, "y": REPORT_ACCURACY, "yanchor": "top", "showarrow": False, "font": {"size": 12}}],
    }


def main() -> int:
    presets, airbench, rates = (read_result(name) for name in ("presets", "airbench94", "throughput-cpu"))
    if not (presets and airbench and rates):
        print("Measure first: python -m benchmarks throughput, python -m benchmarks.presets", file=sys.stderr)
        return 1
    batch = presets["presets"].get("report", {}).get("batch_size", 16)
    ratio = next(found["cpu_rate"]["ratio"] for found in rates["results"] if found["batch_size"] == batch)
    figure = {"data": list(gather_traces(presets["presets"], airbench, ratio)), "layout": lay_out()}
    with sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS).new_page()
        page.set_content('<div id="chart"></div>')
        page.add_script_tag(content=read_script())
        draw = "async (figure) => Plotly.newPlot('chart', figure).then((plot) => Plotly.toImage(plot, %s))"
        address = page.evaluate(draw % json.dumps({"format": "svg", "imageDataOnly": True, **SIZE}), figure)
        PICTURE.write_text(address + "\n", encoding="utf-8")
    print(PICTURE.relative_to(PROJECT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
