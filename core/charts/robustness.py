"""Accuracy by the strength of a corruption: a line a run, of a group of seeds their mean and spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.charts.figure import Drawing, as_text, axis_title, lay_out, shorten, to_json
from core.charts.palette import GREY, Ink, list_dark_steps


@dataclass(frozen=True)
class StrengthLine:
    """Accuracies (seeds, strengths) from 0 to 1, the first of images as they are; `uid` and `ink` are the run's."""

    uid: str
    name: str
    ink: Ink
    symbol: str
    values: npt.NDArray[np.float64]


def draw_strengths(lines: Sequence[StrengthLine], title: str, chance: float) -> Drawing:
    """All lines on one scale; dotted, what guessing comes to (`chance`, 0 to 1)."""
    layout = lay_out(title, "strength", len(lines))
    layout["showlegend"] = False  # the same runs as in the table beside it
    layout["hovermode"] = False
    layout["xaxis"] |= {"title": axis_title("strength"), "dtick": 1, "zeroline": False}
    layout["yaxis"] |= {"tickformat": ".0%", "range": [0, 1.02], "zeroline": False}
    layout["shapes"] = [
        {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": chance, "y1": chance}
        | {"line": {"color": GREY, "width": 1, "dash": "dot"}}
    ]
    layout["meta"] = {
        "table": _tabulate(lines),
        "dark": list_dark_steps([line.ink for line in lines]),
        "nearest": ".1%",
    }
    return Drawing(to_json([_draw(line) for line in lines], layout), title)


def _draw(line: StrengthLine) -> dict[str, Any]:
    means, name = line.values.mean(0), as_text(shorten(line.name))
    drawn: dict[str, Any] = {
        "type": "scatter",
        "uid": line.uid,
        "legendgroup": line.uid,
        "mode": "lines+markers",
        "x": list(range(len(means))),
        "y": means,
        "name": name,
        "cliponaxis": False,
        "line": {"color": line.ink.light, "width": 1.8},
        "marker": {"color": line.ink.light, "size": 7, "symbol": line.symbol},
        "meta": {"run": line.name, "series": "accuracy"},
    }
    if len(line.values) > 1:
        drawn["error_y"] = {"array": line.values.std(0, ddof=1), "color": line.ink.light, "thickness": 1.2, "width": 4}
    return drawn


def _tabulate(lines: Sequence[StrengthLine]) -> list[dict[str, Any]]:
    """For the CSV: a row a run and strength."""
    strengths = [strength for line in lines for strength in range(line.values.shape[1])]
    return [
        {"name": "run", "values": [line.name for line in lines for _ in range(line.values.shape[1])]},
        {"name": "strength", "values": strengths},
        {"name": "accuracy", "values": [value for line in lines for value in line.values.mean(0).tolist()]},
        {"name": "seeds", "values": [len(line.values) for line in lines for _ in range(line.values.shape[1])]},
    ]
