"""Figures of a data set: images of each class by part, their sides, and their colours. No colours of a theme."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from core.charts.figure import Drawing, as_text, axis_title, lay_out, shorten, to_json
from core.charts.palette import GREY, PALETTE, Ink, list_dark_steps

PART_TITLES = ("training", "validation", "test")
_INKS = (PALETTE[6], PALETTE[1], PALETTE[4])
# Red, green and blue as channels are drawn, light and dark.
_CHANNELS = (
    ("red", Ink("#c5352f", "#ff7b72")),
    ("green", Ink("#2b8359", "#5fd08e")),
    ("blue", Ink("#2b5fc4", "#79aaff")),
)
_BINS = 32
Json = dict[str, Any]


def draw_balance(counts: npt.NDArray[np.int64], classes: Sequence[str]) -> Drawing:
    """Images of each class (parts, classes) as stacked bars, in the order of the classes."""
    names = [shorten(as_text(name), 28) for name in classes]
    places = list(range(len(classes)))
    traces: list[Json] = [
        {
            "type": "bar",
            "orientation": "h",
            "y": places,
            "x": row,
            "name": title,
            "marker": {"color": ink.light, "opacity": 0.85},
            "customdata": names,
            "meta": {"run": title, "series": "images", "custom": "class"},
            "hovertemplate": "%{customdata}: %{x:,} " + title + "<extra></extra>",
        }
        for title, ink, row in zip(PART_TITLES, _INKS, counts, strict=True)
        if row.any()
    ]
    layout = lay_out("Images of each class", "images", len(traces)) | {
        "barmode": "stack",
        "bargap": 0.2,
        "xaxis": {"title": axis_title("images"), "nticks": 6, "rangemode": "tozero", "automargin": True},
        "yaxis": {
            "automargin": True,
            "range": [len(places) - 0.5, -0.5],
            **({"tickvals": places, "ticktext": names} if len(places) <= 40 else {"title": axis_title("class")}),
        },
        "meta": {"dark": list_dark_steps(_INKS)},
    }
    return Drawing(to_json(traces, layout), "Images of each class")


def draw_sides(sides: npt.NDArray[np.int64]) -> Drawing:
    """Widths against heights (n, 2); a point for each that occurs, the larger the more images have it."""
    found, counts = np.unique(sides, axis=0, return_counts=True)
    trace: Json = {
        "type": "scatter",
        "mode": "markers",
        "x": found[:, 0].astype(float),
        "y": found[:, 1].astype(float),
        "marker": {
            "color": _INKS[0].light,
            "opacity": 0.6,
            "size": 5 + 20 * np.sqrt(counts / counts.max()),
            "line": {"width": 0},
        },
        "customdata": counts.astype(float),
        "meta": {"run": "images", "series": "height", "custom": "images"},
        "hovertemplate": "%{x:,} × %{y:,} px: %{customdata:,} images<extra></extra>",
    }
    layout = lay_out("Sides", "width", 1) | {
        "xaxis": {"title": axis_title("width in pixels"), "rangemode": "tozero", "nticks": 8, "automargin": True},
        "yaxis": {"title": axis_title("height in pixels"), "rangemode": "tozero", "nticks": 8, "automargin": True},
        "meta": {"dark": list_dark_steps(_INKS)},
    }
    return Drawing(to_json([trace], layout), "Sides")


def is_grey(colours: npt.NDArray[np.float32]) -> bool:
    """Whether the means of red, green and blue (n, 3) are equal in every image."""
    return bool(np.allclose(colours[:, :1], colours))


def draw_colours(colours: npt.NDArray[np.float32]) -> Drawing:
    """How many images have which mean of red, green and blue (n, 3), from 0 to 1."""
    edges = np.linspace(0, 1, _BINS + 1)
    centres = (edges[:-1] + edges[1:]) / 2
    channels = [("brightness", Ink(GREY, GREY))] if is_grey(colours) else list(_CHANNELS)
    traces: list[Json] = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": centres,
            "y": np.histogram(colours[:, channel], edges)[0].astype(float),
            "name": name,
            "line": {"color": ink.light, "width": 1.5, "shape": "hvh"},
            "meta": {"run": name, "series": "images"},
            "hovertemplate": name + " %{x:.2f}: %{y:,} images<extra></extra>",
        }
        for channel, (name, ink) in enumerate(channels)
    ]
    layout = lay_out("Colours", "mean", len(traces)) | {
        "xaxis": {"title": axis_title("mean of the image, 0 black, 1 full"), "range": [0, 1], "automargin": True},
        "yaxis": {"title": axis_title("images"), "rangemode": "tozero", "nticks": 6, "automargin": True},
        "meta": {"dark": list_dark_steps([ink for _, ink in channels])},
    }
    return Drawing(to_json(traces, layout), "Colours")
