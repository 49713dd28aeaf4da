"""Which runs are compared: kept in the address as `?ids=a,b,c`, the first of them is the baseline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import streamlit as st

from core.compare.snapshot import MAX_RUNS
from core.compare.units import Unit, put_first
from core.runs.listing import list_runs
from core.runs.records import RunSummary
from pages.parts.frame.address import set_params
from pages.parts.frame.frame import was_entered
from pages.parts.frame.widgets import offer_build, show_empty, turn_pages
from pages.parts.run.filter import Filter, show_query_error, show_search
from pages.parts.run.table import DEFAULT_SORT, PAGE_ROWS, show_run_table, sort_runs

LATEST = 10
_LAST, _VERSION, _ORDER = "compare.last_ids", "compare.version", "compare.order"


def read_ids() -> list[str]:
    """The ids of the address; a visit without any goes on with those compared last in this session."""
    if "ids" not in st.query_params and was_entered("compare") and st.session_state.get(_LAST):
        st.query_params["ids"] = ",".join(st.session_state[_LAST])
    ids = [run_id for run_id in st.query_params.get("ids", "").split(",") if run_id]
    st.session_state[_LAST] = ids
    return ids


def keep_ids(ids: Iterable[str]) -> None:
    """Puts the ids into the address; the run of the script that follows shows them."""
    chosen = list(dict.fromkeys(ids))
    set_params(ids=",".join(chosen))
    st.session_state[_LAST] = chosen


def make_first(unit: Unit) -> None:
    keep_ids(put_first(read_ids(), [run.id for run in unit.runs]))


def drop(unit: Unit) -> None:
    gone = {run.id for run in unit.runs}
    keep_ids(run_id for run_id in read_ids() if run_id not in gone)


def find_latest() -> list[str]:
    """The newest runs that have something to show."""
    return [run.id for run in list_runs() if run.epoch and not run.archived][:LATEST]


def choose_latest() -> None:
    keep_ids(find_latest())


def show_chooser(ids: Sequence[str], units: Sequence[Unit]) -> None:
    """All runs in a table with boxes to tick, found by words, state and data set; `units` are what is compared now."""
    runs = list_runs()
    if not runs:
        offer_build(show_empty("No runs yet. Train at least two to compare them."))
        return
    shown = _filter(runs)
    if not shown:
        st.html('<p class="lab-muted">No run fits this search.</p>')
        return
    above = st.container()
    page = turn_pages(len(shown), PAGE_ROWS, "runs_page")
    with above:
        order = st.session_state.get(_ORDER, DEFAULT_SORT)
        event = show_run_table(
            sort_runs(shown, order)[page],
            key="compare.runs",
            order=order,
            selected=list(ids),
            version=st.session_state.get(_VERSION, 0),
            low=True,
            inks={run.id: unit.ink for unit in units for run in unit.runs},
        )
    if event.open:
        st.switch_page("run.py", query_params={"id": event.open})
    if event.sort:
        st.session_state[_ORDER] = event.sort
        st.rerun()
    if event.select:
        if not ids:
            # The first tick must not close the list that it was made in.
            st.session_state["choose"] = True
        st.session_state[_VERSION] = event.select["version"]
        keep_ids(event.select["ids"])
        st.rerun()


def _filter(runs: Sequence[RunSummary]) -> list[RunSummary]:
    """Archived runs are found by words only."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="compare_filter"):
        query, states, datasets = show_search(runs)
        st.html(
            f'<p class="lab-muted lab-small" style="margin:0 0 0.6rem">At most {MAX_RUNS} at once.</p>', width="content"
        )
    show_query_error(runs)
    chosen = Filter(query, states, datasets, archived=bool(query.conditions))
    return [run for run in runs if chosen.lets_through(run)]
