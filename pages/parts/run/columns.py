"""Which columns the table of runs has, and what its runs are grouped by: chosen here, kept in the address."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import streamlit as st

from core.charts.figure import shorten
from core.compare.figures import BY_KEY
from core.runs.foreign import read_number
from core.runs.query import list_keys
from core.runs.records import RunSummary
from core.runs.values import list_differing, list_results, read_value, show_scalar
from core.spec import RunSpec
from core.spec.fields import field_at, flatten, label_path, show_value
from core.spec.train import SEED
from core.text.formats import format_number, format_percent
from core.text.safe import plain, plain_cell
from pages.parts.frame.address import set_params
from pages.parts.run.table import COLUMNS, Column

COLUMNS_KEY, GROUP_KEY = "runs.columns", "runs.group"
SEEDS = "seeds"  # runs that differ in their seed at most
_BY_NAME = {column.name: column for column in COLUMNS}
MOST_LETTERS = 24  # of what another tool kept
_NUMBERS = ("int", "float")
_SPLITS = ("train/", "val/", "test/", "best/")


def make_column(name: str) -> Column:
    """A column of the table, or of a figure that runs end with, or of a field of their specs or configurations."""
    if name in _BY_NAME:
        return _BY_NAME[name]
    read = partial(read_value, path=name)
    figure = BY_KEY.get(name)

    def number(run: RunSummary) -> float | None:
        value = read(run)
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None

    if figure or name.startswith(_SPLITS):
        form = format_percent if figure and figure.kind == "share" else format_number
        label, help = (figure.label, figure.help) if figure else (name, "As the run ended with it")
        return Column(name, label, help, number, lambda run: form(number(run)), form=form)
    show = partial(show_scalar, name)
    try:
        field = field_at(name)
    except KeyError:
        label, about = _shorten(name), f"{plain(name)}, as imported"
        return Column(
            name,
            label,
            about,
            lambda run: _rank(read(run)),
            lambda run: _shorten(show(read(run))),
            "text",
            write=lambda run: plain(show(read(run))),
        )
    label = label_path(name)
    if field.kind in _NUMBERS:
        mean = partial(show_value, field, digits=4)
        return Column(name, label, field.help, number, lambda run: show(read(run)), form=mean)
    return Column(name, label, field.help, lambda run: _rank(read(run)), lambda run: show(read(run)), "text")


def _rank(value: Any) -> tuple[bool, float, str] | None:
    """Numbers before words, also those that a tool keeps as text."""
    number = read_number(value)
    return None if value is None else (number is None, number or 0.0, str(value).casefold())


def _shorten(text: str) -> str:
    return shorten(plain(text), MOST_LETTERS)


def list_fields(runs: Sequence[RunSummary]) -> list[str]:
    """Names of all fields and keys, those first in which the runs differ."""
    return list(dict.fromkeys([*list_differing(runs), *list_keys(runs), *flatten(RunSpec())]))


def show_table_choices(runs: Sequence[RunSummary], without: Sequence[str]) -> tuple[list[Column], str, bool]:
    """The columns in the order in which they were chosen, what the runs are grouped by: `SEEDS`, a field, or "", and
    whether branches are shown below their parents."""
    usual = [column.name for column in COLUMNS if column.name not in without]
    fields = list_fields(runs)
    known = [*usual, *(name for name in list_results(runs) if name not in _SHOWN_ALREADY), *fields]
    groups = [SEEDS, *(name for name in fields if name != SEED)]
    _take_address(usual, known, groups)
    labels, group_labels = name_choices(known), name_choices(groups)
    with st.popover("Columns and groups", icon=":material/view_column:", key="table_choices"):
        names = st.multiselect(
            "Columns",
            known,
            format_func=labels.__getitem__,
            key=COLUMNS_KEY,
            placeholder="Name only",
            help="In the order in which they are chosen. Fields in which the runs differ come first.",
        )
        group = st.selectbox(
            "Group by",
            groups,
            index=None,
            format_func=group_labels.__getitem__,
            key=GROUP_KEY,
            placeholder="One row a run",
            help="A row a group, with the mean of its runs and their standard deviation.",
        )
        tree = not any(run.parent for run in runs) or st.toggle(
            "Branches below their parents", True, key="tree", bind="query-params", help="Off: sorted as all others."
        )
    set_params(columns="" if names == usual else ",".join(names) or "name", group=group)
    chosen = [make_column(name) for name in names]
    # Without its name no row could be opened.
    return [*([] if "name" in names else [_BY_NAME["name"]]), *chosen], group or "", tree


def _take_address(usual: list[str], known: Sequence[str], groups: Sequence[str]) -> None:
    """A fresh visit takes the choices from the address, and what a person chose stays. Streamlit's own binding would
    put labels there, which are not unique."""
    state, address = st.session_state, st.query_params
    if COLUMNS_KEY not in state:
        asked = address.get("columns", "").split(",")
        state[COLUMNS_KEY] = [name for name in dict.fromkeys(asked) if name in known] or usual
        state[GROUP_KEY] = name if (name := address.get("group")) in groups else None
    # A run that had a field of its own may be gone.
    state[COLUMNS_KEY] = [name for name in state[COLUMNS_KEY] if name in known]
    if state.get(GROUP_KEY) not in groups:
        state[GROUP_KEY] = None


def write_table(runs: Sequence[RunSummary], columns: Sequence[Column]) -> bytes:
    """The runs as CSV, a row a run: accuracies 0 to 1, durations in seconds, all else as people read it, in full."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    shown = [column for column in columns if column.kind not in ("curve", "name")]
    writer.writerow(["id", "name", *(plain_cell(column.name) for column in shown)])
    for run in runs:
        cells = [column.value(run) if column.form else plain_cell(column.tell(run)) for column in shown]
        writer.writerow([run.id, plain_cell(run.name), *cells])
    return buffer.getvalue().encode()


_SHOWN_ALREADY = ("test/accuracy",)  # as `test`


def name_choices(names: Iterable[str]) -> dict[str, str]:
    """What a list calls each; no two alike, as that is all by which the browser tells which one was chosen.

    The field Epochs is not the column of that name, and long keys of other tools may be cut to the same letters.
    """
    labels = {name: "Seeds: all else is equal" if name == SEEDS else make_column(name).label for name in names}
    times = Counter(labels.values())
    return {
        name: label if name in _BY_NAME or times[label] == 1 else f"{label} ({plain(name)})"
        for name, label in labels.items()
    }
