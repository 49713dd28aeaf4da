"""Differences to the baseline with their intervals, drawn one below the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.charts.figure import Drawing, as_text, lay_out, shorten, to_json
from core.charts.palette import GREY, list_dark_steps
from core.compare.units import Unit
from core.compare.verdicts import Verdict
from core.stats.significance import Comparison


def draw_differences(verdicts: Sequence[Verdict], baseline: Unit) -> Drawing:
    """Every unit's test accuracy minus the baseline's, in points, with its 95 % interval; settled ones are filled."""
    judged = [(each.unit, each.comparison) for each in verdicts if each.comparison is not None]
    traces = [_draw_difference(index, unit, comparison) for index, (unit, comparison) in enumerate(judged)]
    title = f"Test accuracy minus that of {shorten(baseline.name, 40)}, points"
    layout = lay_out(title, "", 1)
    layout["shapes"] = [
        {"type": "line", "x0": 0, "x1": 0, "yref": "paper", "y0": 0, "y1": 1, "line": {"color": GREY, "width": 1.5}}
    ]
    layout["xaxis"] |= {"tickformat": "+~g", "zeroline": False, "rangemode": "tozero"}
    layout["meta"] = {"table": _tabulate_differences(judged), "dark": list_dark_steps([unit.ink for unit, _ in judged])}
    layout["yaxis"] |= {
        "tickvals": list(range(len(judged))),
        "ticktext": [as_text(shorten(unit.name, 24)) for unit, _ in judged],
        "range": [len(judged) - 0.5, -0.5],
        "showgrid": False,
        "fixedrange": True,
    }
    return Drawing(to_json(traces, layout), title)


def _tabulate_differences(judged: Sequence[tuple[Unit, Comparison]]) -> list[dict[str, Any]]:
    """For the CSV: the differences in points with their 95 % intervals."""
    intervals = [comparison.interval for _, comparison in judged]
    return [
        {"name": "run", "values": [unit.name for unit, _ in judged]},
        {"name": "points", "values": [100 * comparison.difference for _, comparison in judged]},
        {"name": "95 % from", "values": [100 * each.low if each else None for each in intervals]},
        {"name": "95 % to", "values": [100 * each.high if each else None for each in intervals]},
        {"name": "settled", "values": ["yes" if comparison.is_settled else "no" for _, comparison in judged]},
    ]


def _draw_difference(index: int, unit: Unit, comparison: Comparison) -> dict[str, Any]:
    points, colour, name = 100 * comparison.difference, unit.ink.light, as_text(shorten(unit.name))
    interval = comparison.interval
    between = f"<br>95 % interval {100 * interval.low:+.2f} to {100 * interval.high:+.2f}" if interval else ""
    return {
        "type": "scatter",
        "uid": unit.id,
        "mode": "markers",
        "x": [points],
        "y": [index],
        "name": name,
        "marker": {
            "size": 10,
            "color": colour,
            "symbol": unit.symbol if comparison.is_settled else f"{unit.symbol}-open",
            "line": {"width": 2, "color": colour},
        },
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [100 * interval.high - points] if interval else [0],
            "arrayminus": [points - 100 * interval.low] if interval else [0],
            "color": colour,
            "thickness": 2,
            "width": 5,
        },
        "meta": {"run": unit.name, "series": "points"},
        "showlegend": False,
        "hovertemplate": f"<b>{name}</b><br>%{{x:+.2f}} points{between}<extra></extra>",
    }
