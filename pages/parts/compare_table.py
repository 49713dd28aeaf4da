"""The figures of a comparison as a table: the best of each column, and every difference to the baseline."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from core.charts import run_colour
from core.compare import Unit
from core.compare_figures import FIGURES, PICKS, SHOWN, Figure, Pick, difference, sort_units, summary_of
from core.formats import UNKNOWN, format_count
from core.statistics import Summary
from pages.parts.compare_choose import drop, make_first
from pages.parts.style import look_of

_HERE = Path(__file__).parent
_table = st.components.v2.component(
    "resnet_lab_compare_table",
    html='<div class="lab-compare" role="region" aria-label="Figures" tabindex="0"><table></table></div>',
    css=(_HERE / "compare_table.css").read_text(encoding="utf-8"),
    js=(_HERE / "compare_table.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def show_table(units: Sequence[Unit]) -> None:
    """The chosen columns, sorted by the one that was clicked; the baseline keeps its mark wherever it stands."""
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom", key="compare_columns"):
        pick = pick_control()
        st.space("stretch")
        with st.popover("Columns", icon=":material/view_column:"):
            keys = st.multiselect(
                "Columns",
                [figure.key for figure in FIGURES],
                list(SHOWN),
                format_func=_labels().get,
                key="columns",
                bind="query-params",
                placeholder="All",
                width=420,
            )
        figures = [figure for figure in FIGURES if not keys or figure.key in keys]
        st.download_button(
            "CSV",
            write_csv(units, figures, pick),
            file_name="comparison.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
    order = st.query_params.get("sort", "")
    sums = {(unit, figure.key): summary_of(unit, figure, pick) for unit in units for figure in figures}
    event = _table(
        key="compare.figures",
        data={
            "order": order,
            "columns": [
                {"key": "name", "label": "Run", "help": "Sorts by name", "rises": True},
                *(
                    {"key": f.key, "label": _label(f, pick), "help": f.help, "rises": f.better == "low"}
                    for f in figures
                ),
            ],
            "rows": [_to_row(unit, units, figures, sums) for unit in sort_units(units, order, pick)],
        },
        on_sort_change=_ignore,
        on_first_change=_ignore,
        on_drop_change=_ignore,
        on_open_change=_ignore,
    )
    _follow(event, {unit.id: unit for unit in units})


def pick_control(key: str = "pick") -> Pick:
    """Which of its epochs a run is shown by."""
    chosen = st.segmented_control(
        "Of the epochs",
        list(PICKS),
        default="best",
        required=True,
        format_func=PICKS.get,
        key=key,
        bind="query-params",
        help="Best: the highest accuracy, the lowest loss of any epoch. Test figures are measured once, at the end.",
    )
    return chosen or "best"


def _follow(event: Any, units: dict[str, Unit]) -> None:
    if event.open:
        st.switch_page("run.py", query_params={"id": event.open})
    if event.sort:
        if event.sort["order"]:
            st.query_params["sort"] = event.sort["order"]
        else:
            st.query_params.pop("sort", None)
        st.rerun()
    for name, do in (("first", make_first), ("drop", drop)):
        chosen = units.get(getattr(event, name) or "")
        if chosen:
            do(chosen)
            st.rerun()


def _ignore() -> None:
    """An event needs a callback to exist; the page reads it from the result."""


def _labels() -> dict[str, str]:
    return {figure.key: _label(figure, None) for figure in FIGURES}


def _label(figure: Figure, pick: Pick | None) -> str:
    label = figure.label_of(pick) if pick else figure.label
    return label[:1].upper() + label[1:]


def _to_row(
    unit: Unit, units: Sequence[Unit], figures: Sequence[Figure], sums: dict[tuple[Unit, str], Summary | None]
) -> dict[str, Any]:
    states = sorted({look_of(run.state).label for run in unit.runs})
    seeds = f"{len(unit.seeds)} seeds · " if unit.is_group else f"seed {unit.first.seed} · "
    return {
        "id": unit.id,
        "colour": run_colour(unit.id),
        "name": unit.name,
        "href": "" if unit.is_group else f"run?id={unit.first.id}",
        "title": "\n".join(f"{run.name} ({run.id})" for run in unit.runs),
        "about": seeds + ", ".join(states).lower(),
        "baseline": unit is units[0],
        "cells": [_to_cell(unit, units, figure, sums) for figure in figures],
    }


def _to_cell(
    unit: Unit, units: Sequence[Unit], figure: Figure, sums: dict[tuple[Unit, str], Summary | None]
) -> dict[str, Any]:
    own, base = sums[unit, figure.key], sums[units[0], figure.key]
    if own is None:
        return {"text": UNKNOWN, "spread": "", "difference": "", "tone": "", "best": False}
    text, tone = difference(figure, own.mean, base.mean) if base and unit is not units[0] else ("", "")
    missing = f" n {own.n}" if own.n != len(unit.seeds) else ""
    return {
        "text": format_figure(figure, own.mean),
        "spread": (format_spread(figure, own.standard_deviation) if own.standard_deviation else "") + missing,
        "difference": text,
        "tone": tone,
        "best": len(units) > 1 and own.mean == _best_mean(units, figure, sums),
    }


def _best_mean(units: Sequence[Unit], figure: Figure, sums: dict[tuple[Unit, str], Summary | None]) -> float | None:
    means = [found.mean for unit in units if (found := sums[unit, figure.key])]
    if not means or not figure.better or len(set(means)) == 1:
        return None
    return max(means) if figure.better == "high" else min(means)


def format_figure(figure: Figure, value: float) -> str:
    """A figure as people read it, by its kind."""
    match figure.kind:
        case "share":
            return f"{100 * value:.2f} %"
        case "loss":
            return f"{value:.4f}"
        case "count":
            return format_count(value)
        case "rate":
            return f"{value:,.0f}"
        case "minutes":
            return f"{value:,.1f}" if value >= 0.95 else f"{value:.2g}"
    return f"{value:.4g}"


def format_spread(figure: Figure, deviation: float) -> str:
    """± one standard deviation, in the figure's own unit."""
    return f"± {100 * deviation:.2f}" if figure.kind == "share" else f"± {format_figure(figure, deviation)}"


def write_csv(units: Sequence[Unit], figures: Sequence[Figure], pick: Pick) -> str:
    """One row a run or group: mean, standard deviation and number of seeds of every column, accuracies 0 to 1."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    heads = [f"{figure.key} ({pick})" if figure.by_epoch else figure.key for figure in figures]
    writer.writerow(["name", "runs", *(cell for head in heads for cell in (head, f"{head} sd", f"{head} n"))])
    for unit in units:
        cells: list[object] = []
        for figure in figures:
            found = summary_of(unit, figure, pick)
            cells += [found.mean, found.standard_deviation, found.n] if found else ["", "", 0]
        # A spreadsheet would take a name that begins so for a formula.
        name = f"'{unit.name}" if unit.name[:1] in "=+-@\t\r" else unit.name
        writer.writerow([name, " ".join(run.id for run in unit.runs), *cells])
    return buffer.getvalue()
