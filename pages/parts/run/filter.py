"""Finding runs by words, state and data set: the part of a filter that every list of runs has, kept in the address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import streamlit as st

from core.runs.query import EVERY, NUMBERS, TEXTS, Query, QueryError, list_keys, list_names, list_values, parse_query
from core.runs.records import RunSummary
from core.spec import CHOICE_LABELS, DataSpec, choices_of
from pages.parts.frame.assets import read_asset
from pages.parts.frame.style import STATES

_complete = st.components.v2.component(
    "resnet_lab_completion",
    html='<datalist id="lab-query-choices"></datalist>',
    css=".st-key-query_completion {\n  display: none;\n}\n",
    js=read_asset(Path(__file__).with_name("completion.js")),
    isolate_styles=False,
)

DATASETS = choices_of(DataSpec.model_fields["dataset"].annotation)


_HELP = (
    'Words of the name, a tag or the note; a "quoted phrase"; `tag:baseline`, `optimizer = muon`, '
    "`learning_rate < 0.001`, `test > 90%`. All must hold. Fields: "
    f"{', '.join([*NUMBERS, *TEXTS])}, all of Build, such as momentum or layers[0].channels, and the keys of imported "
    "configurations."
)


@dataclass(frozen=True)
class Filter:
    """What a list shows: runs that the query finds, of one of the states, data sets, tags and people."""

    query: Query = EVERY
    states: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    archived: bool = False

    def lets_through(self, run: RunSummary) -> bool:
        return (
            (self.archived or not run.archived)
            and self.query.finds(run)
            and (not self.states or run.state in self.states)
            and (not self.datasets or run.dataset in self.datasets)
            and (not self.tags or bool(set(self.tags) & set(run.tags)))
            and (not self.people or run.started_by in self.people)
        )


def show_search(runs: Sequence[RunSummary]) -> tuple[Query, tuple[str, ...], tuple[str, ...]]:
    """Query, states and data sets, to choose among these runs; in a row of controls, with `show_query_error` below."""
    text = st.text_input(
        "Search",
        key="q",
        bind="query-params",
        placeholder="Words, tag:x, seed = 3",
        icon=":material/search:",
        width=240,
        help=_HELP,
    )
    _complete(key="query_completion", data={"fields": list_names(list_keys(runs)), "values": list_values(runs)})
    states = _choose("State", "state", {name: look.label for name, look in STATES.items()}, 180)
    datasets = _choose("Data", "data", {name: CHOICE_LABELS.get(name, name) for name in DATASETS}, 150)
    return read_query(text, runs)[0], states, datasets


def read_query(text: str, runs: Sequence[RunSummary]) -> tuple[Query, QueryError | None]:
    """What was typed, or every run and why it cannot be read."""
    try:
        return parse_query(text, list_keys(runs)), None
    except QueryError as error:
        return EVERY, error


def show_query_error(runs: Sequence[RunSummary]) -> None:
    """What is wrong with the search, with the place marked."""
    _, error = read_query(st.session_state.get("q", ""), runs)
    if error:
        before, wrong, after = error.text[: error.start], error.text[error.start : error.end], error.text[error.end :]
        st.html(
            f'<p class="lab-problem" role="alert" style="margin:0"><code>{escape(before)}<mark>{escape(wrong)}</mark>'
            f"{escape(after)}</code> {escape(str(error))} All runs are shown.</p>"
        )


def _choose(label: str, key: str, labels: dict[str, str], width: int) -> tuple[str, ...]:
    options: dict[str, Any] = {"bind": "query-params", "width": width, "placeholder": "Any"}
    return tuple(st.multiselect(label, list(labels), key=key, format_func=labels.__getitem__, **options))
