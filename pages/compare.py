"""Compare: curves, figures and specs of several runs side by side, and which of them is really better."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from core.compare.snapshot import ComparedRun, look_at
from core.compare.units import Unit, find_mismatches, make_units
from pages.parts.compare.choose import LATEST, choose_latest, make_first, read_ids, show_chooser
from pages.parts.compare.tabs import TABS
from pages.parts.frame.pace import live_fragment
from pages.parts.transfer.take_away import show_several

TICK_SECONDS = 1.0


def show_bar(ids: Sequence[str], runs: Sequence[ComparedRun]) -> tuple[bool, bool]:
    """What is compared: which runs, the baseline, and whether seeds are folded. Tells whether to fold and to choose."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="compare_bar"):
        if not ids:
            st.html('<p class="run-facts">Tick the runs to compare. The first one is the baseline.</p>')
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
    """A key of its own for every order: the first of the address is always what is shown."""
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
        help="What all others are held against. It stands first in the address.",
    )


def show_notes(problems: Sequence[str], units: Sequence[Unit]) -> None:
    """What is missing, and what does not compare."""
    for problem in problems:
        st.html(f'<p class="lab-callout failed">{escape(problem)}</p>')
    for mismatch in find_mismatches(units):
        st.html(f'<p class="lab-callout">{escape(mismatch)}</p>')


def show_comparison(ids: Sequence[str], fold: bool, was_active: bool) -> None:
    """The open tab, renewed while any of the runs is active; runs that have changed are read again, no others."""
    look = look_at(ids)
    if any(run.is_active for run in look.runs) != was_active:
        st.rerun()
    units = make_units(look.runs, fold=fold)
    show_notes(look.problems, units)
    if not units:
        return
    for tab, show_tab in zip(st.tabs(list(TABS), key="tab", bind="query-params"), TABS.values(), strict=True):
        if tab.open:
            with tab:
                show_tab(units)


STYLE = """<style>
.run-facts { margin: 0; overflow-wrap: anywhere; }
.compare-note { margin: -0.6rem 0 0; text-align: right; }
.lab-callout { margin: 0; padding: 0.4rem 0.7rem; border-left: 3px solid var(--lab-warn); background: var(--lab-panel);
  font-size: 0.9rem; overflow-wrap: anywhere; }
.lab-callout.failed { border-color: var(--lab-bad); }
.compare-dot { display: inline-block; flex: none; width: 0.62rem; height: 0.62rem; border-radius: 50%;
  margin: 0 0.4rem 0 0.15rem; }
.compare-specs { overflow: auto; max-height: 44rem; border: 1px solid var(--lab-line); border-radius: 0.375rem; }
.compare-specs table { border-collapse: separate; border-spacing: 0; font-size: 0.9rem; margin: 0; border: 0; }
.compare-specs :is(th, td) { border: 0; border-bottom: 1px solid var(--lab-line-soft); padding: 0.3rem 0.8rem;
  text-align: left; white-space: nowrap; background: var(--lab-ground); font-weight: 400; }
.compare-specs thead th { background: var(--lab-panel); border-bottom-color: var(--lab-line); font-weight: 500;
  position: sticky; top: 0; z-index: 1; }
.compare-specs thead th span[title] { display: inline-block; max-width: 16rem; overflow: hidden;
  text-overflow: ellipsis; vertical-align: bottom; }
.compare-specs thead i { font-style: normal; font-weight: 400; color: var(--lab-accent); margin-left: 0.5rem;
  font-size: 0.786rem; }
.compare-specs tr > :first-child { position: sticky; left: 0; z-index: 1; color: var(--lab-muted); }
.compare-specs thead tr > :first-child { z-index: 2; }
.compare-specs td.other { font-weight: 600;
  background: color-mix(in srgb, var(--lab-accent-soft) 45%, var(--lab-ground)); }
.compare-chosen { display: flex; flex-wrap: wrap; gap: 0.2rem 1.2rem; font-size: 0.9rem; overflow-wrap: anywhere; }
.compare-chosen a { color: inherit; text-decoration-color: var(--lab-faint); }
.compare-verdicts { display: grid; gap: 0.6rem; }
.compare-verdict { display: flex; align-items: baseline; padding: 0.5rem 0.8rem; background: var(--lab-panel);
  border-radius: 0.375rem; border-left: 3px solid var(--lab-line); }
.compare-verdict.settled { border-left-color: var(--lab-good); }
.compare-verdict p { margin: 0; overflow-wrap: anywhere; }
.compare-verdict > div { min-width: 0; }
.compare-verdict .pair { color: var(--lab-muted); font-size: 0.857rem; }
.compare-gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.6rem, 1fr)); gap: 0.9rem 0.8rem; }
.compare-gallery figure { margin: 0; min-width: 0; }
.compare-gallery :is(img, .empty) { display: block; width: 100%; aspect-ratio: 1; image-rendering: pixelated;
  border-radius: 0.25rem; background: var(--lab-panel); }
.compare-gallery figcaption { font-size: 0.857rem; line-height: 1.4; margin-top: 0.25rem; }
.compare-gallery .told { display: grid; grid-template-columns: minmax(0, 1fr) auto; color: var(--lab-muted);
  font-variant-numeric: tabular-nums; }
.compare-gallery .told > span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
</style>"""

ids = read_ids()
look = look_at(ids)
st.html(STYLE)
fold, choosing = show_bar(ids, look.runs)
if choosing:
    show_chooser(ids)
if ids:
    active = any(run.is_active for run in look.runs)
    live_fragment(show_comparison, TICK_SECONDS if active else None)(ids, fold, active)
