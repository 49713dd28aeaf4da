"""Norms of a run's layers over its epochs, as small multiples: a column for each part of the network, a row a norm."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from core.charts.figure import Drawing, axis_title, lay_out, to_json, trace_id
from core.charts.palette import list_dark_steps, pick_ink
from core.compare.snapshot import ComparedRun

ROWS = {"weights": "weights", "gradients": "gradient", "updates": "update / weights"}
PANEL_WIDTH, PANEL_HEIGHT = 130, 150  # at least so wide, in pixels
_COLUMN = re.compile(rf"norms/(.+)/({'|'.join(ROWS)})")
_GAP = 0.02  # between panels, of the whole
_HEAD = 0.05  # of the whole, for the names of the parts above the panels
_DASHES = ("solid", "dash", "dot", "dashdot")  # of the lines in a panel, in turn: fainter ones would not be seen


def list_parts(run: ComparedRun) -> dict[str, list[str]]:
    """The names of its layers by the part of the network that they are in; empty if none were noted."""
    parts: dict[str, list[str]] = {}
    for column in run.rows[-1] if run.rows else ():
        if (found := _COLUMN.fullmatch(column)) and found[2] == "weights":
            parts.setdefault(_name_part(found[1]), []).append(found[1])
    return parts


def _name_part(layer: str) -> str:
    numbered = re.match(r"layers\.(\d+)\.", layer)
    return f"Layer {int(numbered[1]) + 1}" if numbered else layer.partition(".")[0].capitalize()


def name_layer(layer: str) -> str:
    """`layers.0.1.body.0` as people call it: Layer 1, block 2, convolution 1."""
    inside = re.fullmatch(r"layers\.\d+\.(\d+)\.(body|skip)\.?(.*)", layer)
    if not inside:
        return _name_part(layer)
    block, way, rest = inside.groups()
    if way == "skip":
        what = "skip"
    elif rest.isdigit():
        what = f"convolution {1 if rest == '0' else 2}"
    else:
        what = f"attention, {rest.rpartition('.')[2]}"
    return f"{_name_part(layer)}, block {int(block) + 1}, {what}"


@lru_cache(maxsize=8)  # each holds on to its run
def draw_norms(run: ComparedRun) -> Drawing:
    """On logarithmic axes, one for each row of panels; a norm of 0 stands at the bottom."""
    parts, ink = list_parts(run), pick_ink(run.id, run.colour)
    layout = lay_out("Layers", "epoch", 1)
    layout |= {"annotations": [], "margin": {"l": 64, "r": 12, "t": 28, "b": 40}}
    layout["meta"] = {"dark": list_dark_steps([ink]), "across": "epoch"}
    traces: list[dict[str, Any]] = []
    for row, (kind, title) in enumerate(ROWS.items()):
        floor = _find_floor(run, parts, kind)
        for column, (part, layers) in enumerate(parts.items()):
            number = row * len(parts) + column + 1
            suffix = str(number) if number > 1 else ""
            layout |= _make_axes(row, column, len(parts), suffix, title)
            if row == 0:
                layout["annotations"].append(_title_above(part, suffix))
            for place, layer in enumerate(layers):
                traces.append(
                    {
                        **_draw_layer(run, layer, kind, floor, number),
                        "line": {"color": ink.light, "width": 1.5, "dash": _DASHES[place % len(_DASHES)]},
                    }
                )
    notes = ("a norm of 0 stands at the bottom",)
    return Drawing(to_json(traces, layout), "Norms of weights, gradients and updates", notes)


def _column(run: ComparedRun, layer: str, kind: str) -> npt.NDArray[np.float64]:
    return run.column(f"norms/{layer}/{kind}")


def _find_floor(run: ComparedRun, parts: dict[str, list[str]], kind: str) -> float:
    """Where 0 is drawn: a tenth of the smallest norm of this kind that is above it."""
    values = np.concatenate([_column(run, layer, kind) for layers in parts.values() for layer in layers])
    above = values[values > 0]
    return float(above.min()) / 10 if len(above) else 1e-12


def _draw_layer(run: ComparedRun, layer: str, kind: str, floor: float, number: int) -> dict[str, Any]:
    suffix = str(number) if number > 1 else ""
    values = _column(run, layer, kind)
    return {
        "type": "scatter",
        "mode": "lines" if len(values) > 25 else "lines+markers",
        "marker": {"size": 3},
        "uid": trace_id(run.id, layer, kind),
        "x": run.column("epoch"),
        "y": np.where(values == 0, floor, values),
        "customdata": values,
        "xaxis": f"x{suffix}",
        "yaxis": f"y{suffix}",
        "showlegend": False,
        "meta": {"run": run.name, "series": f"{layer} {kind}", "custom": "measured"},
        "hovertemplate": f"{name_layer(layer)}<br>epoch %{{x}}: %{{customdata:.3g}}<extra></extra>",
    }


def _make_axes(row: int, column: int, columns: int, suffix: str, title: str) -> dict[str, Any]:
    """The axes of a panel: those of a row have one range, and all of them the same epochs."""
    width, height = 1 / columns, (1 - _HEAD) / len(ROWS)
    top = 1 - _HEAD - row * height
    first = row * columns + 1
    is_last = row == len(ROWS) - 1
    x_axis: dict[str, Any] = {
        "domain": [column * width + _GAP / 2, (column + 1) * width - _GAP / 2],
        "anchor": f"y{suffix}",
        "showticklabels": is_last,
        "nticks": 4,
        "tickformat": ",d",
        "title": axis_title("epoch") if is_last else None,
    }
    y_axis: dict[str, Any] = {
        "domain": [max(0.0, top - height + _GAP), top - _GAP],
        "anchor": f"x{suffix}",
        "type": "log",
        "exponentformat": "power",
        "dtick": 1,
        "showticklabels": column == 0,
        "title": axis_title(title) if column == 0 else None,
    }
    if suffix:
        x_axis["matches"] = "x"
    if column:
        y_axis["matches"] = f"y{first}" if first > 1 else "y"
    return {f"xaxis{suffix}": x_axis, f"yaxis{suffix}": y_axis}


def _title_above(part: str, suffix: str) -> dict[str, Any]:
    return {
        "text": part,
        "xref": f"x{suffix} domain",
        "yref": "paper",
        "x": 0.5,
        "y": 1.0,
        "yanchor": "top",
        "showarrow": False,
        "font": {"size": 12},
    }
