"""The table of runs: one row a run, in real HTML, selected by id.

Streamlit's own data frame selects by row number, which points at another run as soon as one is added; it knows no
colour a row, and no link that a keyboard reaches. So this is a component of its own; sorting and paging happen on the
server, and the browser gets one page of rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from core.charts.figure import shorten
from core.charts.palette import Ink, pick_ink
from core.runs.foreign import read_number
from core.runs.records import RunSummary
from core.spec.fields import format_value
from core.text.formats import UNKNOWN, format_ago, format_count, format_moment, format_percent, format_seconds
from core.text.safe import plain
from pages.parts.frame.assets import load
from pages.parts.frame.style import look_of

PAGE_ROWS = 50

Row = TypeVar("Row")

_table = load("run_table", __file__, "select", "sort", "open", "follow")


@dataclass(frozen=True)
class Column:
    """One column: `value` is what it sorts by, `show` what a person reads; None sorts last either way."""

    name: str
    label: str
    help: str
    value: Callable[[Any], Any]
    show: Callable[[Any], str] = lambda _: ""
    kind: str = "number"
    sorts: bool = True


def _accuracy(name: str, label: str, help: str, read: Callable[[RunSummary], float | None]) -> Column:
    return Column(name, label, help, read, lambda run: format_percent(read(run)))


def _show_epochs(run: RunSummary) -> str:
    return f"{run.epoch}" if run.tool else f"{run.epoch}/{run.epochs}"


COLUMNS = (
    Column("name", "Name", "What you called the run", lambda run: run.name.casefold(), lambda run: run.name, "name"),
    Column("state", "State", "What the run does now", lambda run: look_of(run.state).label, kind="state"),
    _accuracy("best", "Best val.", "Highest validation accuracy of any epoch", lambda run: run.best_val_accuracy),
    _accuracy("last", "Last val.", "Validation accuracy of the last epoch", lambda run: run.last_val_accuracy),
    _accuracy(
        "test", "Test", "Test accuracy of the last weights, measured once at the end", lambda run: run.test_accuracy
    ),
    Column(
        "curve",
        "Curve",
        "Validation accuracy by epoch; one scale for all rows",
        lambda run: None,
        kind="curve",
        sorts=False,
    ),
    Column(
        "parameters",
        "Parameters",
        "Weights that are trained",
        lambda run: None if run.tool else run.parameters,
        lambda run: UNKNOWN if run.tool else format_count(run.parameters),
    ),
    Column("epoch", "Epochs", "Done of planned", lambda run: run.epoch, _show_epochs, "epochs"),
    Column(
        "seconds",
        "Duration",
        "Time spent training",
        lambda run: run.seconds,
        lambda run: format_seconds(run.seconds) if run.epoch else UNKNOWN,
    ),
    Column("dataset", "Data", "Data set", lambda run: run.dataset, lambda run: run.dataset, "text"),
    Column("created", "Created", "When it was started", lambda run: run.created, lambda run: format_ago(run.created)),
    Column(
        "by", "Started by", "Who started it", lambda run: run.started_by or None, lambda run: run.started_by, "text"
    ),
    Column("tags", "Tags", "Your tags", lambda run: ", ".join(run.tags) or None, kind="tags"),
)
DEFAULT_SORT = "-created"


def make_columns(keys: Sequence[str]) -> tuple[Column, ...]:
    """Columns for keys of configurations from elsewhere; they sort as numbers first, then as text."""

    def make(index: int, key: str) -> Column:
        def read(run: RunSummary) -> Any:
            return dict(run.configuration).get(key)

        def value(run: RunSummary) -> tuple[bool, float, str] | None:
            own, number = read(run), read_number(read(run))
            return None if own is None else (number is None, number or 0.0, str(own).casefold())

        def show(run: RunSummary) -> str:
            own = read(run)
            return "" if own is None else shorten(plain(format_value(own)), 24)

        return Column(f"key{index}", shorten(plain(key), 24), f"{plain(key)}, as imported", value, show, "text")

    return tuple(make(index, key) for index, key in enumerate(keys))


def sort_runs(runs: Sequence[RunSummary], order: str, keys: Sequence[str] = ()) -> list[RunSummary]:
    """By a column, also one of the keys of configurations from elsewhere."""
    return sort_rows(runs, (*COLUMNS, *make_columns(keys)), order, DEFAULT_SORT)


def sort_rows(rows: Sequence[Row], columns: Sequence[Column], order: str, default: str) -> list[Row]:
    """By a column's name, `-name` for falling; by `default` if there is no such column. Missing values come last."""
    by_name = {column.name: column for column in columns if column.sorts}
    if order.removeprefix("-") not in by_name:
        order = default
    value = by_name[order.removeprefix("-")].value
    known = [row for row in rows if not _is_missing(value(row))]
    missing = [row for row in rows if _is_missing(value(row))]
    return sorted(known, key=value, reverse=order.startswith("-")) + missing


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def show_run_table(
    runs: Sequence[RunSummary],
    *,
    key: str,
    order: str,
    selected: list[str],
    version: int,
    low: bool = False,
    without: Sequence[str] = (),
    inks: Mapping[str, Ink] | None = None,
    keys: Sequence[str] = (),
) -> Any:
    """Shows the runs given, one page of them; the result has the events `select`, `sort` and `open`.

    A `low` table scrolls by itself, so that what is below it stays visible; `without` names columns to leave out.
    `inks` are the colours of those that are told apart elsewhere on the page, by id. `keys` are those of imported
    configurations that have a column each.

    `select` is {"ids", "version"}, `sort` a column's name with or without a minus, `open` a run's id. `version` is that
    of the last `select` received: what the browser did since then is kept.
    """
    curves = [value for run in runs for value in run.curve if value is not None and math.isfinite(value)]
    columns = [*(column for column in COLUMNS if column.name not in without), *make_columns(keys)]
    return _show(
        columns,
        [_to_row(run, (inks or {}).get(run.id), columns) for run in runs],
        key=key,
        order=order,
        selected=selected,
        version=version,
        bottom=min(curves, default=0.0),
        top=max(curves, default=1.0),
        low=low,
        picks=True,
        label="Runs",
    )


def show_rows(
    columns: Sequence[Column], rows: Sequence[dict[str, Any]], *, key: str, label: str, order: str, marked: str = ""
) -> Any:
    """The same table of anything else: without boxes to tick, with at most one row marked.

    A row has an `id`, a `name` and its `href`, `state`, `cells` and `links` by column. Events are `open` with the id,
    `sort`, and `follow` with {"id", "column"} of a link in a cell.
    """
    full = [{"tags": [], "curve": [], "colour": "", "archived": False, **row} for row in rows]
    return _show(columns, full, key=key, order=order, selected=[marked] if marked else [], picks=False, label=label)


def _show(columns: Sequence[Column], rows: Sequence[dict[str, Any]], *, key: str, **data: Any) -> Any:
    described = [{"name": c.name, "label": c.label, "help": c.help, "kind": c.kind, "sorts": c.sorts} for c in columns]
    defaults = {"version": 0, "bottom": 0.0, "top": 1.0, "low": False}
    return _table(key=key, data={"columns": described, "rows": rows, **defaults, **data})


def _to_row(run: RunSummary, ink: Ink | None, columns: Sequence[Column]) -> dict[str, Any]:
    look = look_of(run.state, run.stop_requested)
    return {
        "id": run.id,
        "colour": (ink or pick_ink(run.id, run.colour)).css,
        "name": run.name,
        "archived": run.archived,
        "state": {"label": look.label, "colour": look.colour, "help": run.reason or look.meaning},
        "tags": list(run.tags),
        "curve": [None if value is None or math.isnan(value) else round(value, 4) for value in run.curve],
        "done": run.epoch / run.epochs if run.epochs else 0,
        "created": format_moment(run.created),
        "cells": {column.name: column.show(run) for column in columns},
    }
