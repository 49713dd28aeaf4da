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

from core.charts.palette import Ink, pick_ink
from core.runs.families import tell_parent
from core.runs.records import RunSummary
from core.text.formats import UNKNOWN, format_ago, format_count, format_moment, format_percent, format_seconds
from pages.parts.frame.assets import load
from pages.parts.frame.style import look_of

PAGE_ROWS = 50

Row = TypeVar("Row")

_table = load("run_table", __file__, "select", "sort", "open", "follow")


@dataclass(frozen=True)
class Column:
    """One column: `value` is what it sorts by, `show` what a person reads; None sorts last either way.

    `form` shows a number as `show` does, such as the mean of several runs; without it there is no mean. `write` tells
    in full what `show` cuts short or tells as of now.
    """

    name: str
    label: str
    help: str
    value: Callable[[Any], Any]
    show: Callable[[Any], str] = lambda _: ""
    kind: str = "number"
    sorts: bool = True
    form: Callable[[float], str] | None = None
    write: Callable[[Any], str] | None = None

    def tell(self, row: Any) -> str:
        """What it has of a row, in full."""
        return (self.write or self.show)(row)


def _accuracy(name: str, label: str, help: str, read: Callable[[RunSummary], float | None]) -> Column:
    return Column(name, label, help, read, lambda run: format_percent(read(run)), form=format_percent)


def _words(name: str, label: str, help: str, read: Callable[[RunSummary], str], kind: str = "text") -> Column:
    return Column(name, label, help, lambda run: read(run) or None, read, kind)


def _tells_time(run: RunSummary) -> bool:
    """Not of a run without epochs, nor of one whose tool keeps no times."""
    return bool(run.seconds or not run.tool) and run.epoch > 0


def _show_epochs(run: RunSummary) -> str:
    return f"{run.epoch}" if run.tool else f"{run.epoch}/{run.epochs}"


COLUMNS = (
    Column("name", "Name", "What you called the run", lambda run: run.name.casefold(), lambda run: run.name, "name"),
    _words("state", "State", "What the run does now", lambda run: look_of(run.state).label, "state"),
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
        form=format_count,
    ),
    Column("epoch", "Epochs", "Done of planned", lambda run: run.epoch, _show_epochs, "epochs", form="{:.4g}".format),
    Column(
        "seconds",
        "Duration",
        "Time spent training",
        lambda run: run.seconds if _tells_time(run) else None,
        lambda run: format_seconds(run.seconds) if _tells_time(run) else UNKNOWN,
        form=format_seconds,
    ),
    _words("dataset", "Data", "Data set", lambda run: run.dataset),
    _words("parent", "Branch of", "The run that it went on from, and after which epoch", tell_parent),
    Column(
        "created",
        "Created",
        "When it was started",
        lambda run: run.created,
        lambda run: format_ago(run.created),
        write=lambda run: format_moment(run.created),
    ),
    _words("by", "Started by", "Who started it", lambda run: run.started_by),
    Column(
        "tags", "Tags", "Your tags", lambda run: ", ".join(run.tags) or None, lambda run: ", ".join(run.tags), "tags"
    ),
)
DEFAULT_SORT = "-created"


def sort_runs(runs: Sequence[RunSummary], order: str, columns: Sequence[Column] = COLUMNS) -> list[RunSummary]:
    """Also by a column that is not shown."""
    return sort_rows(runs, [*COLUMNS, *columns], order, DEFAULT_SORT)


def sort_rows(rows: Sequence[Row], columns: Sequence[Column], order: str, default: str) -> list[Row]:
    """By a column's name, `-name` for falling; by `default` if there is no such column. Missing values come last."""
    by_name = {column.name: column for column in columns if column.sorts}
    if order.removeprefix("-") not in by_name:
        order = default
    value = by_name[order.removeprefix("-")].value
    values = [value(row) for row in rows]
    known = [index for index, found in enumerate(values) if not is_missing(found)]
    missing = [row for row, found in zip(rows, values, strict=True) if is_missing(found)]
    return [rows[index] for index in sorted(known, key=values.__getitem__, reverse=order.startswith("-"))] + missing


def is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def show_run_table(
    runs: Sequence[RunSummary],
    *,
    key: str,
    order: str,
    selected: list[str],
    version: int,
    low: bool = False,
    columns: Sequence[Column] = COLUMNS,
    inks: Mapping[str, Ink] | None = None,
    depths: Mapping[str, int] | None = None,
) -> Any:
    """Shows the runs given, one page of them; the result has the events `select`, `sort` and `open`.

    A `low` table scrolls by itself, so that what is below it stays visible.
    `inks` are the colours of those that are told apart elsewhere on the page, by id; `depths` how far branches are
    below their parents.

    `select` is {"ids", "version"}, `sort` a column's name with or without a minus, `open` a run's id. `version` is that
    of the last `select` received: what the browser did since then is kept.
    """
    curves = [value for run in runs for value in run.curve if value is not None and math.isfinite(value)]
    return _show(
        columns,
        [_to_row(run, (inks or {}).get(run.id), columns) | {"depth": (depths or {}).get(run.id, 0)} for run in runs],
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
    without = {"tags": [], "curve": [], "colour": "", "archived": False, "doctor": "", "given_up": False}
    full = [{**without, **row} for row in rows]
    return _show(columns, full, key=key, order=order, selected=[marked] if marked else [], picks=False, label=label)


def _show(columns: Sequence[Column], rows: Sequence[dict[str, Any]], *, key: str, **data: Any) -> Any:
    described = [{"name": c.name, "label": c.label, "help": c.help, "kind": c.kind, "sorts": c.sorts} for c in columns]
    defaults = {"version": 0, "bottom": 0.0, "top": 1.0, "low": False}
    return _table(key=key, data={"columns": described, "rows": rows, **defaults, **data})


def tell_ailments(run: RunSummary) -> str:
    """What the doctor found while it trained, in a line; empty if nothing."""
    if not run.ailments:
        return ""
    first, *others = run.ailments
    named = "; ".join([first, *(title[0].lower() + title[1:] for title in others)])
    return f"{'Given up by the doctor' if run.given_up else 'Doctor'}: {named}"


def _to_row(run: RunSummary, ink: Ink | None, columns: Sequence[Column]) -> dict[str, Any]:
    look = look_of(run.state, run.stop_requested)
    return {
        "id": run.id,
        "colour": (ink or pick_ink(run.id, run.colour)).css,
        "name": run.name,
        "archived": run.archived,
        "branch": tell_parent(run),
        "doctor": tell_ailments(run),
        "given_up": run.given_up,
        "state": {"label": look.label, "colour": look.colour, "help": run.reason or look.meaning},
        "tags": list(run.tags),
        "curve": [None if value is None or math.isnan(value) else round(value, 4) for value in run.curve],
        "done": run.epoch / run.epochs if run.epochs else 0,
        "created": format_moment(run.created),
        "cells": {column.name: column.show(run) for column in columns},
    }
