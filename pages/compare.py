"""Compare: curves, figures and specs of several runs side by side, and which of them is really better."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from core.compare.branches import list_forks
from core.compare.ensembles import add_ensemble
from core.compare.snapshot import ComparedRun, look_at
from core.compare.units import Unit, find_mismatches, make_units
from core.runs.listing import list_known
from core.system.folders import runs_folder
from pages.parts.compare.choose import LATEST, choose_latest, find_latest, make_first, read_ids, show_chooser
from pages.parts.compare.tabs import TABS, WITH_ENSEMBLE
from pages.parts.frame.assets import show_style
from pages.parts.frame.pace import live_fragment
from pages.parts.frame.status import show_change
from pages.parts.run.actions import show_outcome
from pages.parts.run.stopping import show_stops
from pages.parts.transfer.take_away import show_several

TICK_SECONDS = 1.0


def show_bar(ids: Sequence[str], runs: Sequence[ComparedRun]) -> tuple[bool, bool]:
    """The runs, the baseline, and whether seeds are folded. Returns whether to fold, and to list runs."""
    if not ids and not list_known().runs:
        return True, True
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="compare_bar"):
        if not ids:
            st.html('<p class="run-facts">Tick the runs to compare. The first one is the baseline.</p>')
            if find_latest():
                st.space("stretch")
                _show_latest()
            return True, True
        choosing = st.toggle("Choose runs", key="choose", bind="query-params")
        fold = st.toggle(
            "Fold seeds",
            True,
            key="fold",
            bind="query-params",
            help="Runs that differ only in their seed become one: their mean, with its spread as a band.",
        )
        if len(runs) > 1:
            st.toggle(
                "Ensemble",
                key="ensemble",
                bind="query-params",
                help="One row more: the mean of the runs' probabilities on the test images.",
            )
        if units := make_units(runs, fold=fold):
            _choose_baseline(units)
        st.space("stretch")
        if runs:
            show_several([run.id for run in runs])
        _show_latest()
    return fold, choosing


def _show_latest() -> None:
    st.button(
        f"Latest {LATEST}",
        icon=":material/history:",
        on_click=choose_latest,
        help="Compares the newest runs that have an epoch to show.",
    )


def _choose_baseline(units: Sequence[Unit]) -> None:
    """Its key changes with the order, so that it always shows the first of the address."""
    by_id = {unit.id: unit for unit in units}
    key = f"baseline.{hash(tuple(by_id))}"

    def change() -> None:
        make_first(by_id[st.session_state[key]])

    st.selectbox(
        "Baseline",
        list(by_id),
        format_func=lambda unit_id: by_id[unit_id].name,
        key=key,
        on_change=change,
        width=280,
        help="All others are compared with it. It is the first in the address.",
    )


def show_notes(problems: Sequence[str], units: Sequence[Unit]) -> None:
    """What is missing, and what does not compare."""
    for sentences, look in ((problems, " failed"), (find_mismatches(units), "")):
        if sentences:
            told = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
            st.html(f'<div class="lab-callout{look}">{told}</div>')
    if forks := list_forks(units):
        st.html(f'<p class="lab-small lab-muted run-facts">{"<br>".join(map(escape, forks))}</p>')


def show_comparison(ids: Sequence[str], fold: bool, was_active: bool) -> None:
    """The open tab, renewed while any of the runs is active; runs that have changed are read again, no others."""
    look = look_at(ids)
    if any(run.is_active for run in look.runs) != was_active:
        show_change()
    runs, why = add_ensemble(look.runs) if len(look.runs) > 1 and st.session_state.get("ensemble") else (look.runs, "")
    units = make_units(runs, fold=fold)
    show_notes([*look.problems, *([why] if why else [])], units)
    show_outcome()
    show_stops(look.runs, "compare")
    if not units:
        return
    plain = [unit for unit in units if not unit.is_ensemble]
    for tab, name in zip(st.tabs(list(TABS), key="tab", bind="query-params"), TABS, strict=True):
        if tab.open:
            with tab:
                TABS[name](units if name in WITH_ENSEMBLE else plain)


ids = read_ids()
look = look_at(ids)
show_style(__file__)
fold, choosing = show_bar(ids, look.runs)
if choosing:
    show_chooser(ids, make_units(look.runs, fold=fold))
if ids:
    active = [runs_folder() / run.id for run in look.runs if run.is_active]
    live_fragment(show_comparison, TICK_SECONDS if active else None, active)(ids, fold, bool(active))
