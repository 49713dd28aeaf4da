"""Finding runs by words, state and data set: the part of a filter that every list of runs has, kept in the address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.runs.records import RunSummary
from core.spec import CHOICE_LABELS, DataSpec, choices_of
from pages.parts.frame.style import STATES

DATASETS = choices_of(DataSpec.model_fields["dataset"].annotation)


@dataclass(frozen=True)
class Filter:
    """What a list shows: runs that hold every word and have one of the states, data sets, tags and people."""

    words: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    archived: bool = False

    def lets_through(self, run: RunSummary) -> bool:
        text = " ".join([run.name, run.id, run.note, run.optimizer, run.started_by, *run.tags]).casefold()
        return (
            (self.archived or not run.archived)
            and all(word in text for word in self.words)
            and (not self.states or run.state in self.states)
            and (not self.datasets or run.dataset in self.datasets)
            and (not self.tags or bool(set(self.tags) & set(run.tags)))
            and (not self.people or run.started_by in self.people)
        )


def show_search() -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Words, states and data sets; to be called in a row of controls."""
    text = st.text_input(
        "Search",
        key="q",
        bind="query-params",
        placeholder="Name, tag, note or id",
        icon=":material/search:",
        width=260,
    )
    states = _choose("State", "state", {name: look.label for name, look in STATES.items()}, 190)
    datasets = _choose("Data", "data", {name: CHOICE_LABELS.get(name, name) for name in DATASETS}, 170)
    return tuple(text.casefold().split()), states, datasets


def _choose(label: str, key: str, labels: dict[str, str], width: int) -> tuple[str, ...]:
    options: dict[str, Any] = {"bind": "query-params", "width": width, "placeholder": "Any"}
    return tuple(st.multiselect(label, list(labels), key=key, format_func=labels.__getitem__, **options))
