"""What every figure shares: Plotly's JSON written straight, its layout, and names that are shown as text.

Figures carry no colours of a theme (text, grid, background): the page that shows them knows whether it is light or
dark. Plotly's own figure objects check every value, which for 50 runs takes ten times as long as everything else."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt


def trace_id(*parts: str) -> str:
    """A trace's uid. Plotly makes a selector of it when the trace goes: a slash breaks this and every later update."""
    return "-".join(parts).replace("/", "-")


def as_text(name: str) -> str:
    """Plotly reads markup and its own %{...} in names and templates; a run's name is text."""
    return escape(name, quote=False).replace("{", "&#123;")


LEGEND_MOST = 24  # the names of more would take half a second to lay out, and the chart's height to show
LEGEND_ABOVE = {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom"}


def axis_title(text: str) -> dict[str, Any]:
    return {"text": as_text(text), "standoff": 8, "font": {"size": 12}}


def span_ends(values: Iterable[float]) -> list[float] | None:
    """The ends of a linear axis on which all values are one; None where they differ, which Plotly spans well.

    By itself it goes 1 to either side: of 2,648,858 parameters that makes five ticks of one label, of an accuracy of
    100 % an axis to 200 %.
    """
    known = [value for value in values if math.isfinite(value)]
    # Means of equal figures differ in their last digit.
    if not known or not math.isclose(min(known), max(known), rel_tol=1e-6):
        return None
    reach = 0.05 * abs(known[0]) or 0.5
    return [known[0] - reach, known[0] + reach]


def count_log_ticks(values: Sequence[npt.NDArray[np.floating]], usual: int) -> int:
    """The `nticks` of a logarithmic axis of these values.

    Over one to two powers of ten Plotly writes all of 1 to 9, the last on top of one another, unless few are asked for.
    """
    every = np.concatenate([*values, np.empty(0)])
    known = every[(every > 0) & np.isfinite(every)]
    decades = np.log10(known.max() / known.min()) if len(known) else 0
    return min(usual, 3) if 0.85 <= decades <= 0.3 * usual else usual


def space_prefixes(most: float, unit: str = "B") -> dict[str, str]:
    """Tick labels as `800 MB` where Plotly's SI prefixes would be `800MB`: for `labelalias`, up to ten times zoomed in.

    Plotly's ticks are 1, 2 or 5 times a power of ten apart.
    """
    if not math.isfinite(most) or most <= 0:
        return {}
    alias = {f"0{unit}": f"0 {unit}"}
    for power in range(math.floor(math.log10(most)) - 1, math.ceil(math.log10(most)) + 1):
        for step in (10**power, 2 * 10**power, 5 * 10**power) if power >= 0 else ():
            for value in range(step, math.ceil(1.2 * most), step):
                size = min(4, int(math.log10(value)) // 3)
                number, prefix = f"{value / 1000**size:.12g}", ("", "k", "M", "G", "T")[size]
                alias[f"{number}{prefix}{unit}"] = f"{number} {prefix}{unit}"
    return alias


@dataclass(frozen=True)
class Drawing:
    """A figure as Plotly's JSON, its title, and what a person should know of what it leaves out."""

    figure: str
    title: str
    notes: tuple[str, ...] = ()


def lay_out(title: str, x: str, count: int) -> dict[str, Any]:
    """A layout without colours of a theme; the legend is below and scrolls if it is long."""
    legend = {"orientation": "h", "x": 0, "xanchor": "left", "yref": "container", "y": 0, "yanchor": "bottom"}
    return {
        "title": {"text": title},
        "hovermode": "closest",
        "hoverdistance": 40,
        "dragmode": "zoom",
        "uirevision": title,
        "showlegend": 1 < count <= LEGEND_MOST,
        "legend": {**legend, "maxheight": 0.3, "font": {"size": 11}},
        "margin": {"l": 52, "r": 12, "t": 8, "b": 40},
        "xaxis": {"automargin": True},
        "yaxis": {"automargin": True, "nticks": 6},
    }


def shorten(name: str, length: int = 34) -> str:
    """A long name by its two ends, where names of one family differ."""
    if len(name) <= length:
        return name
    return f"{name[: length * 2 // 3 - 1]}…{name[-(length // 3) :]}"


def to_json(traces: Sequence[dict[str, Any]], layout: dict[str, Any]) -> str:
    """Plotly's JSON, arrays of numbers packed as bytes; a number beside them that is not finite is missing."""
    figure = {"data": traces, "layout": layout}
    write = partial(json.dumps, default=_pack, separators=(",", ":"), allow_nan=False)
    try:
        return write(figure)
    except ValueError:
        return write(_leave_out_not_finite(figure))


def _leave_out_not_finite(value: Any) -> Any:
    match value:
        case dict():
            return {key: _leave_out_not_finite(each) for key, each in value.items()}
        case list() | tuple():
            return [_leave_out_not_finite(each) for each in value]
        case float() | np.floating() if not math.isfinite(value):
            return None
    return value


def _pack(array: Any) -> Any:
    if not isinstance(array, np.ndarray):
        return array.item()
    packed = {"dtype": "f4", "bdata": base64.b64encode(array.astype(np.float32).tobytes()).decode()}
    return packed if array.ndim == 1 else packed | {"shape": ", ".join(map(str, array.shape))}
