"""The part of plotly.js that is served draws every kind of trace that charts have, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from core.charts.plotly_script import KINDS, read_script
from tests.quick_lab import QuickLab

DRAW = """async (kind) => {
  const matrix = [[1, 2, 3], [2, 3, 4], [5, 4, 3]];
  const trace = { bar: { y: [1, 2] }, scatter: { y: [1, 2], fill: 'tozeroy', error_y: { array: [1, 1] } } }[kind];
  const marks = { annotations: [{ text: 'a', x: 1, y: 2 }], shapes: [{ type: 'rect', x0: 0, x1: 1, y0: 0, y1: 1 }] };
  const axes = { xaxis: { type: 'log' }, showlegend: true };
  await Plotly.newPlot('chart', [{ type: kind, ...(trace ?? { z: matrix }) }], { ...marks, ...axes });
  await Plotly.relayout('chart', { 'xaxis.type': 'linear' });
  return Plotly.toImage('chart', { format: 'png' });
}"""


@pytest.mark.parametrize("kind", ["scatter", *KINDS])
def test_every_kind_is_drawn_and_saved(page: Page, kind: str) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_content('<div id="chart"></div>')
    page.add_script_tag(content=read_script())
    assert page.evaluate(DRAW, kind).startswith("data:image/png")
    assert not errors


def test_it_is_there_once_before_a_page_has_any_chart(page: Page, lab: QuickLab) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"{lab.url}/compare")
    page.wait_for_function("window.Plotly", timeout=30_000)
    assert page.locator("script[src*=plotly]").count() == 1
    assert not [text for text in said if "preload" in text]
