"""The figures of a comparison as a table: the best of each column, and every difference to the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.compare.figures import BY_KEY, FIGURES, PICKS, SHOWN, Pick, sort_units
from core.compare.table import Cell, label_figure, leave_out_empty, make_cells, tell_unit, write_csv
from core.compare.units import Unit
from core.compare.verdicts import WEIGHTS
from core.runs.records import WeightsName
from core.runs.store import open_run
from pages.parts.compare.choose import drop, make_first
from pages.parts.frame.address import set_params
from pages.parts.frame.assets import load
from pages.parts.frame.widgets import choose
from pages.parts.run.actions import attempt

_table = load("compare_table", __file__, "sort", "first", "drop", "open", "colour")


def show_table(units: Sequence[Unit]) -> None:
    """The chosen columns that hold anything, sorted by the one clicked; the baseline keeps its mark in any order."""
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom", key="compare_columns"):
        pick = pick_control()
        st.space("stretch")
        with st.popover("Columns", icon=":material/view_column:"):
            keys = st.multiselect(
                "Columns",
                [figure.key for figure in FIGURES],
                list(SHOWN),
                format_func=lambda key: label_figure(BY_KEY[key]),
                key="columns",
                bind="query-params",
                placeholder="All",
                width=420,
            )
        figures = leave_out_empty(units, [figure for figure in FIGURES if not keys or figure.key in keys])
        st.download_button(
            "CSV",
            write_csv(units, figures, pick),
            file_name="comparison.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
    order = st.query_params.get("sort", "")
    cells = make_cells(units, figures, pick)
    event = _table(
        key="compare.figures",
        data={
            "order": order,
            "columns": [
                {"key": "name", "label": "Run", "help": "Sorts by name", "rises": True},
                *(
                    {"key": f.key, "label": label_figure(f, pick), "help": f.help, "rises": f.better == "low"}
                    for f in figures
                ),
            ],
            "rows": [_to_row(unit, unit is units[0], cells[unit]) for unit in sort_units(units, order, pick)],
        },
    )
    _follow(event, {unit.id: unit for unit in units})


def weights_control() -> WeightsName:
    weights: WeightsName = choose("Tested with", WEIGHTS, "weights", "last")
    return weights


def pick_control() -> Pick:
    """Which of its epochs a run is shown by."""
    best = "Best: the highest accuracy, the lowest loss of any epoch. Test figures are measured once, at the end."
    pick: Pick = choose("Of the epochs", PICKS, "pick", "best", help=best)
    return pick


def _follow(event: Any, units: dict[str, Unit]) -> None:
    if event.open:
        st.switch_page("run.py", query_params={"id": event.open})
    if event.sort:
        set_params(sort=event.sort["order"])
        st.rerun()
    if event.colour and (unit := units.get(event.colour["id"])):
        attempt(_choose_colour, unit, event.colour["colour"])
        st.rerun()
    for name, do in (("first", make_first), ("drop", drop)):
        chosen = units.get(getattr(event, name) or "")
        if chosen:
            do(chosen)
            st.rerun()


def _choose_colour(unit: Unit, colour: str) -> None:
    """Kept with the run whose colour the unit has."""
    open_run(unit.id).update_about(colour=colour)


def _to_row(unit: Unit, is_baseline: bool, cells: Sequence[Cell]) -> dict[str, Any]:
    return {
        "id": unit.id,
        "colour": unit.ink.css,
        "ink": "" if unit.is_ensemble else unit.ink.light,
        "name": unit.name,
        "href": "" if unit.is_group or unit.is_ensemble else f"run?id={unit.first.id}",
        "title": "\n".join(f"{run.name} ({run.id})" for run in unit.first.members or unit.runs),
        "about": tell_unit(unit),
        "baseline": is_baseline,
        "fixed": unit.is_ensemble,
        "cells": [vars(cell) for cell in cells],
    }
