"""Every colour that a study's figure draws with is seen on both grounds, and the states are told apart by everybody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from core.charts.colours import LEAST_CONTRAST, LEAST_DIFFERENCE, blend, find_contrast, find_differences
from core.charts.palette import DARK_GROUND, DARK_PANEL, LIGHT_GROUND, LIGHT_PANEL
from core.studies.charts.axes import STATE_INKS
from core.studies.charts.plots import PLOTS
from core.studies.points import Points
from tests.core.studies.charts.drawn import draw, make_spec, make_trial, points_of

GROUNDS = {"light": (LIGHT_GROUND, LIGHT_PANEL), "dark": (DARK_GROUND, DARK_PANEL)}
# Trials outside the ranges, which are to be passed over, and what only a pointer finds.
UNSEEN = ("others", "ends")


def list_colours(trace: dict[str, Any], steps: dict[str, str]) -> Iterator[str]:
    """The colours of a trace as it is drawn: with these steps, and along its scales."""
    marker = trace.get("marker", {})
    parts = [trace.get("line", {}), marker, marker.get("line", {}), trace.get("error_x", {})]
    for part in parts:
        found = part.get("color", [])
        # Numbers are packed, and are coloured by their scale.
        for colour in found if isinstance(found, list) else [found]:
            if isinstance(colour, str):
                yield steps.get(colour, colour)
    for scale in (trace.get("colorscale"), marker.get("colorscale")):
        if scale:
            stops = [(share, steps.get(colour, colour)) for share, colour in scale]
            yield from (blend(stops, step / 20) for step in range(21))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("plot", PLOTS)
def test_every_mark_is_seen_on_its_ground(mixed: Points, plot: str, theme: str) -> None:
    if plot == "Pareto Front":
        trials = [make_trial(index, [0.1 * index + 0.1, 1e6 - index % 2]) for index in range(6)]
        mixed = points_of(make_spec("val/accuracy", "parameters"), trials)
    figure = draw(plot, mixed, pruned=True)
    steps = figure["layout"]["meta"]["dark"] if theme == "dark" else {}
    seen = [trace for trace in figure["data"] if trace.get("uid") not in UNSEEN]
    colours = {colour for trace in seen for colour in list_colours(trace, steps)}
    if plot == "Contour":  # a trial has a light edge around a dark heart, and lies on the areas
        colours -= {"#1b2330", "#ffffff"}
    assert colours
    assert {colour for colour in colours if find_contrast(colour, GROUNDS[theme][0]) < LEAST_CONTRAST} == set()
    # Areas apart, nothing shines through: that would take from the contrast.
    assert all(trace.get("opacity", 1) == 1 for trace in seen if trace["type"] != "contour")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_states_of_trials_are_told_apart_by_everybody_and_seen(theme: str) -> None:
    colours = list(dict.fromkeys(getattr(ink, theme) for ink in STATE_INKS.values()))
    assert len(colours) == len(STATE_INKS) - 1, "only failed and retried look alike"
    distances = find_differences(colours, colours)[np.triu_indices(len(colours), 1)]
    assert distances.min() >= LEAST_DIFFERENCE
    assert min(find_contrast(colour, ground) for colour in colours for ground in GROUNDS[theme]) >= LEAST_CONTRAST
