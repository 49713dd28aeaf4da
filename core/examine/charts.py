"""Figures and pictures of one model: reliability, what was learnt and forgotten, heat over an image. No widgets.

As in `core.charts.lines`, figures carry no colours of a theme; colour is the run's.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from PIL import Image
from plotly.colors import get_colorscale, sample_colorscale, unlabel_rgb

from core.charts.figure import LEGEND_ABOVE, Drawing, as_text, axis_title, shorten, to_json
from core.charts.palette import GREY, Ink, list_dark_steps
from core.examine.history import History
from core.examine.predictions import Reliability
from core.stats.scores import IntArray
from core.text.formats import format_percent
from core.text.words import count_of

Pixels = npt.NDArray[np.uint8]
Json = dict[str, Any]

_HEAT_OPACITY = 0.65
_FIGURE = Ink("#000000", "#ffffff")  # in a cell; white on both grounds where it is deeper than `_DEEP`
_DEEP, _DEEP_FIGURE = 0.85, "#ffffff"
_FIGURED_CLASSES = 24  # more leave no room for figures in their cells


def draw_reliability(ink: Ink, before: Reliability, after: Reliability | None, temperature: float) -> go.Figure:
    """Accuracy by confidence in 15 bins, as trained and at the temperature; on the diagonal the two are equal."""
    traces: list[Json] = [
        {
            "type": "scatter",
            "x": [0, 1],
            "y": [0, 1],
            "mode": "lines",
            "name": "perfectly calibrated",
            "line": {"color": GREY, "width": 1, "dash": "dot"},
            "hoverinfo": "skip",
        },
        _draw_bins(before, "as trained", ink.light, "solid", "circle"),
    ]
    if after is not None:
        traces.append(_draw_bins(after, f"temperature {temperature:.2f}", GREY, "dash", "diamond"))
    axis = {"range": [0, 1.04], "tickformat": ".0%", "dtick": 0.2}
    layout = _layout("Reliability", "confidence") | {
        "xaxis": axis | {"title": axis_title("mean confidence")},
        "yaxis": axis | {"title": axis_title("accuracy"), "automargin": True},
        "meta": {"dark": list_dark_steps([ink])},
    }
    return go.Figure(data=traces, layout=layout)


def _draw_bins(measured: Reliability, name: str, colour: str, dash: str, symbol: str) -> Json:
    """One point a bin that holds images, the larger the more of them."""
    bins = measured.bins
    full = bins.counts > 0
    counts = bins.counts[full]
    return {
        "type": "scatter",
        "x": bins.confidence[full],
        "y": bins.accuracy[full],
        "mode": "lines+markers",
        "name": name,
        "line": {"color": colour, "width": 1, "dash": dash},
        "cliponaxis": False,
        "marker": {"symbol": symbol, "size": 6 + 14 * np.sqrt(counts / counts.max()), "opacity": 0.85},
        "customdata": counts,
        "meta": {"run": name, "series": "accuracy", "custom": "images"},
        "text": [
            f"confidence {format_percent(sure, 1)}, accuracy {format_percent(right, 1)}<br>{count_of(n, 'image')}"
            for sure, right, n in zip(bins.confidence[full], bins.accuracy[full], counts.tolist(), strict=True)
        ],
        "hovertemplate": "%{text}<extra>" + name + "</extra>",
    }


def draw_changes(run_id: str, ink: Ink, history: History, epoch: int) -> go.Figure:
    """Images that became right, upwards, and that became wrong, downwards, after each epoch."""
    learnt, lost = history.changes()
    epochs = np.arange(1, history.num_epochs + 1)
    bars = (("learnt", learnt, ink.light, 0.9), ("forgotten", -lost, GREY, 0.7))
    traces: list[Json] = [
        {
            "type": "bar",
            "x": epochs,
            "y": values,
            "name": name,
            "marker": {"color": colour, "opacity": opacity},
            "customdata": np.abs(values),
            "meta": {"run": run_id, "series": name},
            "hovertemplate": f"%{{customdata:,}} images {name}<extra></extra>",
        }
        for name, values, colour, opacity in bars
    ]
    x_axis: Json = {"title": axis_title("epoch"), "tickformat": "d", "unifiedhovertitle": {"text": "epoch %{x}"}}
    x_axis |= {"dtick": 1} if history.num_epochs <= 10 else {"nticks": 10}
    layout = _layout("Learnt and forgotten", "changes") | {
        "barmode": "relative",
        "bargap": 0.15,
        "hovermode": "x unified",
        "xaxis": x_axis,
        "yaxis": {"title": axis_title("images"), "automargin": True, "nticks": 6},
        "meta": {"dark": list_dark_steps([ink])},
        "shapes": [
            {"type": "line", "x0": epoch, "x1": epoch, "yref": "paper", "y0": 0, "y1": 1}
            | {"line": {"color": GREY, "width": 1, "dash": "dot"}}
        ],
    }
    return go.Figure(data=traces, layout=layout)


def draw_matrix(matrix: IntArray, classes: Sequence[str], *, rates: bool = False, title: str = "") -> Drawing:
    """The confusion matrix (true, predicted): right ones blue, mistakes red on a scale that ends at the commonest.

    Cells show images or, with `rates`, the percentage of their true class; of many classes only colours.
    """
    texts = [as_text(name) for name in classes]
    # Plotly's categories must differ.
    names = [text if texts.count(text) == 1 else f"{text} ({index})" for index, text in enumerate(texts)]
    totals = matrix.sum(1, keepdims=True)
    share = matrix / np.maximum(1, totals)  # (true, predicted)
    right = np.eye(len(names), dtype=bool)
    worst = max(float(share[~right].max(initial=0)), 1e-9)
    depth = np.where(right, share, -0.75 * share / worst)
    traces = [_draw_cells(np.where(matrix > 0, depth, np.nan), matrix, totals, names)]
    if len(names) <= _FIGURED_CLASSES:
        figures = [[f"{100 * part:.0f}" for part in row] for row in share] if rates else matrix.astype(str)
        shown = np.where(matrix > 0, figures, "")
        for deep in (False, True):
            colour = _DEEP_FIGURE if deep else _FIGURE.light
            traces.append(_write_texts(shown, (np.abs(depth) > _DEEP) == deep, names, colour))
    heading = title or "Confusion matrix"
    layout = _layout(heading, "matrix") | {
        "showlegend": False,
        "xaxis": _class_axis(names) | {"title": axis_title("predicted class")},
        "yaxis": _class_axis(names) | {"title": axis_title("true class"), "range": [len(names) - 0.5, -0.5]},
        "meta": {"table": _tabulate(matrix, classes), "dark": list_dark_steps([_FIGURE])},
    }
    return Drawing(to_json(traces, layout), heading)


def _tabulate(matrix: IntArray, classes: Sequence[str]) -> list[Json]:
    """For the CSV: one row a true class, one column a predicted one."""
    columns = [{"name": f"predicted {name}", "values": matrix[:, index].tolist()} for index, name in enumerate(classes)]
    return [{"name": "true class", "values": list(classes)}, *columns]


def _draw_cells(depth: npt.NDArray[np.float64], matrix: IntArray, totals: IntArray, names: list[str]) -> Json:
    """`depth` is 0 to 1 for right images, 0 to -1 for mistakes, NaN if there is no image."""
    counts = np.dstack([matrix, np.broadcast_to(totals, matrix.shape)])  # (true, predicted, 2)
    blue, red = "43,95,196", "197,53,47"
    return {
        "type": "heatmap",
        "x": names,
        "y": names,
        "z": depth,
        "zmin": -1,
        "zmax": 1,
        # See-through instead of pale, so that it fits both themes.
        "colorscale": [
            [0, f"rgba({red},1)"],
            [0.5, f"rgba({red},0.08)"],
            [0.5, f"rgba({blue},0.08)"],
            [1, f"rgba({blue},1)"],
        ],
        "showscale": False,
        "xgap": 1,
        "ygap": 1,
        "hoverongaps": False,
        "customdata": counts,
        "hovertemplate": "true %{y}<br>predicted %{x}<br>"
        "%{customdata[0]:,} of %{customdata[1]:,} images<extra></extra>",
    }


def _write_texts(shown: npt.NDArray[np.str_], mask: npt.NDArray[np.bool_], names: list[str], colour: str) -> Json:
    cells = np.argwhere(mask & (shown != ""))
    return {
        "type": "scatter",
        "mode": "text",
        "x": [names[predicted] for _, predicted in cells],
        "y": [names[true] for true, _ in cells],
        "text": [shown[true, predicted] for true, predicted in cells],
        "textfont": {"size": 11, "color": colour},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _class_axis(names: list[str]) -> Json:
    return {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": names,
        "range": [-0.5, len(names) - 0.5],
        "labelalias": {name: shorten(name, 16) for name in names if len(name) > 16},
        "automargin": True,
        "showgrid": False,
        "ticks": "",
    }


def _layout(title: str, revision: str) -> Json:
    return {
        "template": None,
        "title": {"text": title, "x": 0, "xref": "container", "font": {"size": 14}},
        "showlegend": True,
        "uirevision": revision,
        "legend": LEGEND_ABOVE,
        "margin": {"l": 48, "r": 12, "t": 42, "b": 40},
    }


# Pictures ---------------------------------------------------------------------------------------------------------


def draw_picture(pixels: Pixels, side: int = 320) -> bytes:
    """PNG of (size, size, 3), enlarged to at least `side` by whole pixels, so that each stays a sharp square."""
    return _encode(_enlarge(Image.fromarray(pixels), side))


def draw_heat(pixels: Pixels, heat: npt.NDArray[np.float32], side: int = 320) -> bytes:
    """PNG of an image under its heat, (size, size) from 0 to 1; without heat the image shows as it is."""
    size = pixels.shape[0]
    picture = _enlarge(Image.fromarray(pixels), side)
    smooth = Image.fromarray(np.round(255 * heat).astype(np.uint8)).resize(picture.size, Image.Resampling.BICUBIC)
    warmth = np.asarray(smooth) if size < picture.width else np.round(255 * heat).astype(np.uint8)
    colours = Image.fromarray(_heat_colours()[warmth])
    mask = Image.fromarray(np.round(warmth * _HEAT_OPACITY).astype(np.uint8))
    picture.paste(colours, mask=mask)
    return _encode(picture)


@lru_cache(maxsize=1)
def _heat_colours() -> Pixels:
    """Plotly's Inferno, which also people with a colour deficiency read as dark to bright: (256, 3)."""
    found = sample_colorscale(get_colorscale("Inferno"), list(np.linspace(0.25, 1, 256)))
    return np.array([[round(value) for value in unlabel_rgb(colour)] for colour in found], np.uint8)


def _enlarge(picture: Image.Image, side: int) -> Image.Image:
    factor = max(1, -(-side // picture.width))
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)


def _encode(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
