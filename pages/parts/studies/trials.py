"""The trials of one study: a table with links to their runs, and one of them in full."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import quote

import streamlit as st
from optuna.trial import FrozenTrial

from core.runs.store import open_run
from core.spec import RunSpec
from core.spec.fields import label_path
from core.spec.link import to_link
from core.spec.parse import SpecError
from core.studies.objectives import OBJECTIVES, Objective
from core.studies.points import Field, show_searched
from core.studies.space import find_field
from core.studies.spec import propose
from core.system.errors import LabError
from core.text.formats import UNKNOWN, format_count, format_seconds
from pages.parts.frame.style import StateLook
from pages.parts.frame.widgets import turn_pages
from pages.parts.run.table import Column, show_rows, sort_rows
from pages.parts.studies.look import Look, recall

PAGE_ROWS = 50
DEFAULT_SORT = "-number"
TRIAL_STATES: dict[str, StateLook] = {
    "waiting": StateLook("Waiting", "", "gray", "In the study's queue."),
    "queued": StateLook("Queued", "", "gray", "Waits for a device."),
    "running": StateLook("Running", "", "blue", "Trains now."),
    "interrupted": StateLook("Interrupted", "", "orange", "Its worker is gone; the next one tries again."),
    "finished": StateLook("Finished", "", "green", "Trained to its end."),
    "pruned": StateLook("Pruned", "", "violet", "Ended early by the study's pruner."),
    "failed": StateLook("Failed", "", "red", "Ended with an error."),
    "infeasible": StateLook("Infeasible", "", "gray", "Over the budget, or a network that cannot work; never trained."),
    "retried": StateLook(
        "Retried", "", "orange", "Interrupted by Stop now or with its worker; another trial replaced it."
    ),
    "void": StateLook("Void", "", "gray", "Never began."),
}


@dataclass(frozen=True)
class TrialRow:
    """What the table shows of a trial."""

    number: int
    state: str
    values: tuple[float, ...]
    params: dict[str, Any]
    parameters: float | None
    seconds: float | None
    run_id: str
    reason: str


def list_rows(look: Look) -> list[TrialRow]:
    return recall(look, ("all", "rows"), lambda: [_to_row(look, index) for index in range(len(look.trials))])


def _to_row(look: Look, index: int) -> TrialRow:
    trial, state = look.trials[index], str(look.points.states[index])
    seconds = float(look.points.ended[index] - look.points.started[index])
    return TrialRow(
        number=trial.number,
        state=state,
        values=tuple(float(value) for value in look.points.values[index]),
        params=read_params(trial),
        parameters=trial.user_attrs.get("parameters"),
        seconds=seconds if math.isfinite(seconds) and state not in ("infeasible", "void") else None,
        run_id=trial.user_attrs.get("run_id") or "",
        reason=trial.user_attrs.get("reason") or "",
    )


def read_params(trial: FrozenTrial) -> dict[str, Any]:
    """A trial's values; of one in the queue those that were asked for."""
    return {**trial.system_attrs.get("fixed_params", {}), **trial.params}


def show_trials(look: Look, marked: int | None) -> Any:
    """One page of the table; its events are those of `show_rows`."""
    order = st.query_params.get("sort", DEFAULT_SORT)
    columns = _columns(look)
    rows = sort_rows(list_rows(look), columns, order, DEFAULT_SORT)
    above = st.container()
    shown = rows[turn_pages(len(rows), PAGE_ROWS, "page")]
    with above:
        return show_rows(
            columns,
            [_to_cells(look, row, columns) for row in shown],
            key=f"trials.{look.study.name}",
            label="Trials",
            order=order,
            marked="" if marked is None else str(marked),
        )


def _columns(look: Look) -> list[Column]:
    return [
        Column("number", "Trial", "Shows it above", lambda row: row.number, kind="name"),
        Column("state", "State", "", lambda row: row.state, kind="state"),
        *(_objective_column(index, name) for index, name in enumerate(look.study.spec.objectives)),
        Column("run", "Run", "Its curves, log and checkpoints", lambda row: row.run_id, kind="link", sorts=False),
        *(_searched_column(field) for field in look.points.fields),
        Column("parameters", "Parameters", "", lambda row: row.parameters, lambda row: format_count(row.parameters)),
        Column("seconds", "Took", "", lambda row: row.seconds, lambda row: format_seconds(row.seconds)),
    ]


def _objective_column(index: int, name: Objective) -> Column:
    return Column(
        f"value{index}",
        OBJECTIVES[name].label,
        "Of its best epoch" if name.startswith("val/") else "",
        lambda row: row.values[index],
        lambda row: OBJECTIVES[name].show(row.values[index]) if math.isfinite(row.values[index]) else UNKNOWN,
    )


def _searched_column(field: Field) -> Column:
    path = field.path
    return Column(
        f"param.{path}",
        field.name,
        path,
        lambda row: row.params.get(path),
        lambda row: show_searched(path, row.params[path]) if path in row.params else UNKNOWN,
        "text" if find_field(path).kind in ("choice", "bool") else "number",
    )


def _to_cells(look: Look, row: TrialRow, columns: Sequence[Column]) -> dict[str, Any]:
    state = TRIAL_STATES[row.state]
    cells = {column.name: column.show(row) for column in columns}
    cells["run"] = "Run" if row.run_id else ""
    return {
        "id": str(row.number),
        "name": f"Trial {row.number}",
        "href": f"studies?name={quote(look.study.name)}&trial={row.number}",
        "state": {"label": state.label, "colour": state.colour, "help": row.reason or state.meaning},
        "cells": cells,
        "links": {"run": f"run?id={row.run_id}"} if row.run_id else {},
    }


# One trial ---------------------------------------------------------------------------------------------------------


def spec_of(look: Look, trial: FrozenTrial) -> RunSpec:
    """The network and training of a trial: its run's own, or what its values make. Raises SpecError."""
    run_id = trial.user_attrs.get("run_id")
    if run_id:
        with suppress(LabError):  # Deleted meanwhile: its values make the same.
            return open_run(run_id).spec
    return propose(look.study.spec, read_params(trial))


def show_trial(look: Look, number: int) -> None:
    """One trial in full, with the ways on from it."""
    row = next(row for row in list_rows(look) if row.number == number)
    trial, state = look.trials[number], TRIAL_STATES[row.state]
    with st.container(key="study_trial", gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            values = " · ".join(
                f"{OBJECTIVES[name].label} {OBJECTIVES[name].show(value)}"
                for name, value in zip(look.study.spec.objectives, row.values, strict=True)
                if math.isfinite(value)
            )
            st.html(
                f'<p class="study-trial-name"><b>Trial {number}</b>{f" · {escape(values)}" if values else ""}</p>',
                width="content",
            )
            st.markdown(state.badge, width="content")
            st.space("stretch")
            _show_ways(look, trial, row)
        if row.reason:
            st.html(f'<p class="lab-muted lab-small study-line">{escape(row.reason)}</p>')
        fields = "".join(
            f"<div>{escape(label_path(path))} <b>{escape(show_searched(path, value))}</b></div>"
            for path, value in row.params.items()
        )
        st.html(f'<div class="lab-facts">{fields}</div>')


def _show_ways(look: Look, trial: FrozenTrial, row: TrialRow) -> None:
    try:
        spec = spec_of(look, trial)
    except SpecError:
        spec = None
    opened = st.button(
        "Open in Build",
        icon=":material/tune:",
        key="trial.build",
        disabled=spec is None,
        help="Its network and training, to change and to start." if spec else "This network cannot be built.",
    )
    if opened and spec:
        st.switch_page("build.py", query_params={"spec": to_link(spec)})
    if row.run_id and st.button("Open run", icon=":material/show_chart:", key="trial.run"):
        st.switch_page("run.py", query_params={"id": row.run_id})
    if st.button("Close", icon=":material/close:", key="trial.close", type="tertiary"):
        st.query_params.pop("trial", None)
        st.rerun(scope="fragment")
