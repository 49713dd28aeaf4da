"""Runs in groups, as rows of a table: the mean of each figure, its spread, and of how many runs."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from core.compare.units import name_seeds
from core.runs.records import RunSummary
from core.runs.values import read_value, show_scalar, tell_alike
from core.spec.fields import label_path
from core.text.formats import UNKNOWN, format_moment
from core.text.safe import plain_cell
from pages.parts.frame.style import look_of
from pages.parts.run.columns import SEEDS
from pages.parts.run.table import Column, is_missing, show_rows, sort_rows

DEFAULT_SORT = "-count"
_DRAWN = ("curve", "tags", "state", "created")  # of one run alone


@dataclass(frozen=True)
class Group:
    name: str
    runs: tuple[RunSummary, ...]

    @property
    def target(self) -> tuple[str, dict[str, str]]:
        """The page and its parameters that show its runs: side by side, or the only one."""
        ids = ",".join(run.id for run in self.runs)
        return ("run.py", {"id": ids}) if len(self.runs) == 1 else ("compare.py", {"ids": ids})


def make_groups(runs: Sequence[RunSummary], by: str) -> list[Group]:
    """`by` is `SEEDS` or a field; in the order of their first runs."""
    found: dict[Any, list[RunSummary]] = {}
    for run in runs:
        found.setdefault(tell_alike(run) if by == SEEDS else read_value(run, by), []).append(run)
    return [Group(_name(members, by), tuple(members)) for members in found.values()]


def find_group(groups: Sequence[Group], run_id: str) -> Group | None:
    """The group that holds the run; it need not be its first any more, as a newer one may have joined meanwhile."""
    return next((group for group in groups if any(run.id == run_id for run in group.runs)), None)


def _name(runs: Sequence[RunSummary], by: str) -> str:
    if by != SEEDS:
        return show_scalar(by, read_value(runs[0], by)) or UNKNOWN
    return name_seeds([run.name for run in reversed(runs)])  # the first that was started names them


def mean_of(group: Group, column: Column) -> float | None:
    """The mean of the runs that have the figure; None if none has, or the column is of words."""
    values = _values(group, column)
    return statistics.fmean(values) if values else None


def _values(group: Group, column: Column) -> list[float]:
    return [] if column.form is None else [value for run in group.runs if not is_missing(value := column.value(run))]


def show_cell(group: Group, column: Column) -> str:
    """`90.12 ± 0.31 %`, with the sample standard deviation, and `(2 of 3)` where not all runs have the figure; of words
    the common one, or how many there are."""
    if column.form is None:
        return _tell_words(group, column, column.show)
    values = _values(group, column)
    if not values:
        return UNKNOWN
    text = column.form(statistics.fmean(values))
    if len(values) > 1 and len(set(values)) > 1:
        spread = column.form(statistics.stdev(values))
        (mean, *unit), (_, *same) = text.split(" "), spread.split(" ")
        # A duration of several parts has no unit of its own: 4 min 00 s ± 1 min 00 s.
        text = f"{mean if unit == same and len(unit) < 2 else text} ± {spread}"
    return text if len(values) == len(group.runs) else f"{text} ({len(values)} of {len(group.runs)})"


def _tell_words(group: Group, column: Column, tell: Callable[[RunSummary], str]) -> str:
    """Those of all its runs, or how many there are: counted in full, as the beginnings of two may be the same."""
    count = len({column.tell(run) for run in group.runs})
    return tell(group.runs[0]) if count == 1 else f"{count:,} different"


def show_groups(
    groups: Sequence[Group], by: str, columns: Sequence[Column], *, order: str, page: slice, key: str
) -> Any:
    """A page of the table of groups; events are as those of `show_rows`, an id is that of a group's first run."""
    shown = [
        Column("name", _title(by), "Opens its runs side by side", lambda group: group.name.casefold(), kind="name"),
        Column("count", "Runs", "How many it has", lambda group: len(group.runs), lambda group: f"{len(group.runs):,}"),
        *map(_of_groups, _list_shown(columns, by)),
    ]
    rows = [_to_row(group, shown) for group in sort_rows(groups, shown, order, DEFAULT_SORT)[page]]
    return show_rows(shown, rows, key=key, label="Groups of runs", order=order)


def write_groups(groups: Sequence[Group], by: str, columns: Sequence[Column]) -> bytes:
    """The groups as CSV, a row a group: of each figure mean, standard deviation and of how many runs, in the units of
    the table of runs."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    shown = _list_shown(columns, by)
    heads = [[c.name, f"{c.name} std", f"{c.name} n"] if c.form else [c.name] for c in shown]
    writer.writerow([_title(by), "runs", *(plain_cell(each) for head in heads for each in head)])
    for group in groups:
        cells = [_write_cells(group, column) for column in shown]
        writer.writerow([plain_cell(group.name), len(group.runs), *(each for some in cells for each in some)])
    return buffer.getvalue().encode()


def _write_cells(group: Group, column: Column) -> list[Any]:
    if column.form is None:
        return [plain_cell(_tell_words(group, column, column.tell))]
    values = _values(group, column)
    return [mean_of(group, column), statistics.stdev(values) if len(values) > 1 else None, len(values)]


def _title(by: str) -> str:
    return "Group" if by == SEEDS else label_path(by)


def _list_shown(columns: Sequence[Column], by: str) -> list[Column]:
    return [column for column in columns if column.name not in ("name", by, *_DRAWN)]


def _of_groups(column: Column) -> Column:
    return Column(
        column.name,
        column.label,
        f"{column.help}; mean ± standard deviation" if column.form else column.help,
        (lambda group: mean_of(group, column)) if column.form else (lambda group: show_cell(group, column).casefold()),
        lambda group: show_cell(group, column),
        "number" if column.form else "text",
    )


def _to_row(group: Group, columns: Sequence[Column]) -> dict[str, Any]:
    first = group.runs[0]
    page, params = group.target
    look = look_of(first.state, first.stop_requested)
    return {
        "id": first.id,
        "name": group.name,
        "href": f"{page.removesuffix('.py')}?{urlencode(params)}",
        "state": {"label": look.label, "colour": look.colour, "help": look.meaning},
        "done": 0,
        "created": format_moment(first.created),
        "cells": {column.name: column.show(group) for column in columns},
        "links": {},
    }
