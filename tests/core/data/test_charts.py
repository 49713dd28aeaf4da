"""Figures of a set hold its own numbers."""

import base64
import json

import numpy as np

from core.data.charts import draw_balance, draw_colours, draw_sides


def unpack(values: object) -> list[float]:
    return np.frombuffer(base64.b64decode(values["bdata"]), "<f4").tolist() if isinstance(values, dict) else values


def test_bars_hold_the_counts_of_each_part() -> None:
    counts = np.array([[5, 3], [1, 0], [0, 0]])
    figure = json.loads(draw_balance(counts, ["<cat>", "dog"]).figure)
    assert [(trace["name"], unpack(trace["x"])) for trace in figure["data"]] == [
        ("training", [5, 3]),
        ("validation", [1, 0]),
    ]
    assert figure["layout"]["yaxis"]["ticktext"] == ["&lt;cat&gt;", "dog"]


def test_a_point_stands_for_all_images_of_its_sides() -> None:
    (trace,) = json.loads(draw_sides(np.array([[640, 480], [32, 32], [640, 480]])).figure)["data"]
    points = zip(unpack(trace["x"]), unpack(trace["y"]), unpack(trace["customdata"]), strict=True)
    assert list(points) == [(32, 32, 1), (640, 480, 2)]


def test_grey_sets_have_one_line_and_coloured_ones_three() -> None:
    generator = np.random.default_rng(0)
    grey = np.repeat(generator.random((50, 1)), 3, axis=1).astype(np.float32)
    (line,) = json.loads(draw_colours(grey).figure)["data"]
    assert sum(unpack(line["y"])) == 50
    colours = json.loads(draw_colours(generator.random((50, 3)).astype(np.float32)).figure)["data"]
    assert [trace["name"] for trace in colours] == ["red", "green", "blue"]
