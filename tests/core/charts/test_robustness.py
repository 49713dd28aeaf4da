"""Accuracy by strength: means over seeds with their spread, and every number in the table behind the figure."""

import json

import numpy as np
import pytest

from core.charts.palette import PALETTE
from core.charts.robustness import StrengthLine, draw_strengths


def test_a_group_is_drawn_by_its_mean_and_spread_and_a_run_without() -> None:
    seeds = np.array([[0.9, 0.8, 0.5], [0.8, 0.7, 0.6]])
    lines = [
        StrengthLine("one", "<b>one</b>", PALETTE[0], "circle", seeds[:1]),
        StrengthLine("both", "both", PALETTE[1], "diamond", seeds),
    ]
    drawing = draw_strengths(lines, "Noise", 0.1)
    figure = json.loads(drawing.figure)
    one, both = figure["data"]
    assert "error_y" not in one
    assert "error_y" in both
    assert one["name"] == "&lt;b&gt;one&lt;/b&gt;"
    assert one["x"] == [0, 1, 2]
    table = {column["name"]: column["values"] for column in figure["layout"]["meta"]["table"]}
    assert table["run"] == ["<b>one</b>"] * 3 + ["both"] * 3
    assert table["accuracy"] == pytest.approx([0.9, 0.8, 0.5, 0.85, 0.75, 0.55])
    assert table["seeds"] == [1, 1, 1, 2, 2, 2]
    (guessing,) = figure["layout"]["shapes"]
    assert (guessing["y0"], guessing["y1"]) == (0.1, 0.1)
    assert figure["layout"]["meta"]["nearest"] == ".1%"  # the pointer is shared with the other corruptions
    assert [one["legendgroup"], both["legendgroup"]] == ["one", "both"]
