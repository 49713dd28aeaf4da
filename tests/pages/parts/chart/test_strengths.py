"""A chart for each corruption, all of the same runs."""

import numpy as np

from core.charts.palette import PALETTE
from core.data.corruptions import CORRUPTIONS
from core.runs.robustness import Robustness
from pages.parts.chart.strengths import make_lines


def test_a_line_holds_every_seed_from_no_corruption_on() -> None:
    seeds = [
        Robustness("a" * 64, "best", 1, 0, 10, clean, {kind: [8, 7, 6, 5, 4] for kind in CORRUPTIONS})
        for clean in (9, 10)
    ]
    (line,) = make_lines("blur", [("id", "name", PALETTE[0], "circle", seeds)])
    np.testing.assert_allclose(line.values, [[0.9, 0.8, 0.7, 0.6, 0.5, 0.4], [1.0, 0.8, 0.7, 0.6, 0.5, 0.4]])
