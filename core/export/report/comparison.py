"""The report of several runs: curves, figures with their spread, what differs, and which of them is really better."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.compare.branches import list_forks
from core.compare.curves import draw_curves, explain_lines
from core.compare.differences import draw_differences
from core.compare.fields import label_field, list_fields, show_field
from core.compare.figures import BY_KEY, FIGURES, SHOWN
from core.compare.lines import CurveView, find_measured
from core.compare.parallel import draw_parallel
from core.compare.scatter import ScatterView, draw_scatter, find_published
from core.compare.table import label_figure, leave_out_empty, make_cells, tell_unit
from core.compare.units import Unit, find_mismatches
from core.compare.verdicts import METHODS, WEIGHTS, judge_all, sort_verdicts, warn_of_chance
from core.export.report.parts import Table, make_chart
from core.text.formats import UNKNOWN

_MAX_AXES = 8


def report_comparison(units: Sequence[Unit]) -> dict[str, Any]:
    """Of the units of the Compare page, in their order; the first is the baseline."""
    started = [unit for unit in units if any(run.rows for run in unit.runs)]
    view = CurveView()
    figures = leave_out_empty(units, [figure for figure in FIGURES if figure.key in SHOWN])
    cells = make_cells(units, figures, "best")
    paths = list_fields(units, only_differing=True)
    across = ScatterView(log_x=True)
    sources = dict.fromkeys(reference.source for reference in find_published(units, across))
    alike = "All runs have the same spec" + (" but for their seed." if any(unit.is_group for unit in units) else ".")
    parallel = draw_parallel(units, paths[:_MAX_AXES], BY_KEY["test/accuracy"], "best") if paths else None
    return {
        "baseline": units[0].name,
        "mismatches": [*find_mismatches(units), *list_forks(units)],
        "curves": [
            make_chart(draw_curves(metric, started, view), f"compare-{metric}") for metric in find_measured(started)
        ],
        "curves_note": explain_lines(started, view),
        "heads": [label_figure(figure, "best") for figure in figures],
        "rows": [
            {
                "name": unit.name,
                "colour": unit.ink.css,
                "about": tell_unit(unit),
                "is_baseline": unit is units[0],
                "cells": cells[unit],
            }
            for unit in units
        ],
        "differs": _list_differences(units, paths),
        "same": "" if paths else alike,
        "judgements": _judge(units),
        "methods": METHODS if len(units) > 1 else "",
        "scatter": make_chart(draw_scatter(units, across), "compare-scatter", 460) if len(units) > 1 else None,
        "sources": "; ".join(sources),
        "parallel": make_chart(parallel, "compare-parallel", 420) if parallel else None,
    }


def _list_differences(units: Sequence[Unit], paths: Sequence[str]) -> Table:
    rows = [[label_field(path), *(show_field(unit.first, path) or UNKNOWN for unit in units)] for path in paths]
    return Table(("Field", *(unit.name for unit in units)), rows)


def _judge(units: Sequence[Unit]) -> list[dict[str, Any]]:
    """All units against the baseline, with the last and with the best weights; the latter only if any can be tested."""
    if len(units) < 2:
        return []
    found = []
    for weights, heading in WEIGHTS.items():
        verdicts = judge_all(units, weights)
        judged, others = sort_verdicts(verdicts)
        if weights != "last" and not judged:
            continue
        height = max(180, 90 + 34 * len(judged))
        chart = make_chart(draw_differences(verdicts, units[0]), f"compare-{weights}", height) if judged else None
        told = {"verdicts": judged, "others": others, "chart": chart, "warning": warn_of_chance(len(judged))}
        found.append({"heading": heading, **told})
    return found
