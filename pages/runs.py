"""All runs in one table: found, sorted, compared and acted on, many at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import streamlit as st

from core.charts.palette import tell_runs_apart
from core.compare.snapshot import read_runs
from core.runs.families import order_tree
from core.runs.listing import Listing, list_known
from core.runs.query import list_values, suggest_query
from core.runs.records import RunSummary
from core.runs.store import open_run
from core.system.errors import LabError
from core.text.words import count_of
from pages.parts.chart.chart import show_metrics
from pages.parts.frame.address import bring_back, keep_for_return, set_params
from pages.parts.frame.failure import tell
from pages.parts.frame.pace import live_fragment
from pages.parts.frame.style import show_centred
from pages.parts.frame.widgets import offer_build, show_empty, turn_pages
from pages.parts.run.actions import answer_delete, ask_delete, is_active, keep_problems, show_button, show_outcome
from pages.parts.run.columns import show_table_choices, write_table
from pages.parts.run.filter import Filter, show_query_error, show_search
from pages.parts.run.groups import find_group, make_groups, show_groups, write_groups
from pages.parts.run.stopping import show_stops_among
from pages.parts.run.table import COLUMNS, DEFAULT_SORT, PAGE_ROWS, Column, show_run_table, sort_runs
from pages.parts.run.tabs import show_view
from pages.parts.run.views import IN_ADDRESS, show_views
from pages.parts.transfer.take_away import show_several
from pages.parts.transfer.take_in import show_found, show_import
from server import sign_in

TICK_SECONDS = 1.0
# More lines than this are unreadable; the first of the selected are drawn.
MAX_CURVES = 20
TABLE, SELECTION, SEARCHED = "runs_table", "runs.selection", "runs.searched"
SEARCH = ("q", "state", "data", "tag", "by", "archived")
# Who searches changes no run: then there is no need to look at ten thousand folders again.
SEARCHED_SECONDS = 4.0


@dataclass(frozen=True)
class TableLook:
    """The columns of the table, what its runs are grouped by, if they are, and whether branches are below parents."""

    columns: Sequence[Column] = COLUMNS
    group: str = ""
    tree: bool = True


@dataclass
class Selection:
    """The runs that are ticked; `version` counts the browser's changes, so that none of them is taken back."""

    ids: list[str]
    version: int = 0


def open_selection() -> Selection:
    """The session's selection; a fresh visit takes it from the address."""
    if SELECTION not in st.session_state:
        st.session_state[SELECTION] = Selection([id for id in st.query_params.get("select", "").split(",") if id])
    selection: Selection = st.session_state[SELECTION]
    return selection


def select(ids: Sequence[str]) -> None:
    selection = open_selection()
    selection.ids = list(ids)
    set_params(select=",".join(ids))


def show_filter(runs: Sequence[RunSummary]) -> tuple[Filter, TableLook]:
    """What is shown, and how."""
    tags = sorted({tag for run in runs for tag in run.tags}, key=str.casefold)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="runs_filter"):
        query, states, datasets = show_search(runs)
        tag = st.multiselect("Tag", tags, key="tag", bind="query-params", width=150, placeholder="Any")
        people = show_people(runs)
        archived = st.toggle("Archived too", key="archived", bind="query-params")
        st.space("stretch")
        unused = [*([] if sign_in.in_use() else ["by"]), *([] if any(run.parent for run in runs) else ["parent"])]
        look = TableLook(*show_table_choices(runs, unused))
        show_views()
        show_import()
        if st.button("New run", icon=":material/add:", help="Opens Build."):
            st.switch_page("build.py", query_params={})
    show_query_error(runs)
    return Filter(query, states, datasets, tuple(tag), people, archived), look


def show_people(runs: Sequence[RunSummary]) -> tuple[str, ...]:
    """Whose runs to show, if people sign in."""
    if sign_in.in_use() is None:
        return ()
    known = sorted({run.started_by for run in runs if run.started_by}, key=str.casefold)
    return tuple(st.multiselect("Started by", known, key="by", bind="query-params", width=190, placeholder="Anyone"))


def show_nothing(runs: Sequence[RunSummary]) -> None:
    """What to do when none of the runs is to be shown."""
    if runs:
        better = suggest_query(st.session_state.get("q", ""), list_values(runs))
        below = show_empty(f"No runs match this search.{f' Did you mean {better}?' if better else ''}")
        below.button("Show all runs", icon=":material/filter_alt_off:", on_click=clear_filter, width="stretch")
        return
    below = show_empty("No runs yet. Build a network and start the first one, or import runs of another tool.")
    offer_build(below)
    with below:
        show_import(width="stretch")


def read_search() -> str:
    """All that is searched for, as one text."""
    return str([st.session_state.get(key) for key in SEARCH])


def find_age() -> float:
    """The seconds that the list of all runs may be old: none, unless the search has changed since the page ran."""
    return SEARCHED_SECONDS if st.session_state.get(SEARCHED) not in (None, read_search()) else 0.0


def clear_filter() -> None:
    st.session_state.update({"q": "", "state": [], "data": [], "tag": [], "by": [], "archived": False})


def show_bar(shown: Sequence[RunSummary], chosen: Sequence[RunSummary], look: TableLook) -> None:
    """Above the table: how many runs there are, or what can be done with those selected. Its height never changes."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="runs_bar"):
        if not chosen:
            active = sum(is_active(run) for run in shown)
            count = count_of(len(shown), "run")
            st.html(f'<span class="lab-muted lab-small">{count}{f" · {active} active" if active else ""}</span>')
            offer_csv("runs", lambda: write_table(shown, look.columns))
            return
        st.html(f'<span class="lab-small"><b>{len(chosen)}</b> selected</span>')
        if len(chosen) == 1 and st.button("Open", icon=":material/show_chart:", key="bar.open"):
            st.switch_page("run.py", query_params={"id": chosen[0].id})
        if len(chosen) > 1 and st.button(
            "Compare",
            icon=":material/compare_arrows:",
            key="bar.compare",
            help="The first one ticked is the baseline.",
            shortcut="Ctrl+Enter",
        ):
            st.switch_page("compare.py", query_params={"ids": ",".join(run.id for run in chosen)})
        st.toggle(
            "Curves", key="curves", bind="query-params", value=True, help="Draws the selected runs together, below."
        )
        show_several([run.id for run in chosen])
        for name in ("stop", "kill", "resume", "archive", "restore"):
            show_button(name, chosen, key="bar")
        with st.popover("Tag", icon=":material/sell:"):
            show_tagging(chosen)
        if st.button("Delete", icon=":material/delete:", key="bar.delete"):
            ask_delete(chosen)
        st.button(
            "Clear", icon=":material/close:", key="bar.clear", on_click=select, args=([],), help="Clears the selection."
        )


def offer_csv(what: str, write: Callable[[], bytes]) -> None:
    """The table that is shown as a file, made when it is asked for."""
    st.download_button(
        "Table as CSV",
        write,
        f"{what}.csv",
        "text/csv",
        key=f"bar.csv.{what}",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
        help=f"The {what} and columns that are shown, of all pages.",
    )


def show_tagging(chosen: Sequence[RunSummary]) -> None:
    """Adds a tag to all selected runs, or takes one away."""

    def change(add: bool) -> None:
        tag = st.session_state["bar.tag"].strip()
        problems = []
        for summary in chosen:
            tags = [each for each in summary.tags if each != tag] + ([tag] if add and tag else [])
            try:
                open_run(summary.id).update_about(tags=tags)
            except (LabError, OSError) as error:
                problems.append(f"{summary.name}: {tell(error)}")
        keep_problems(problems)

    st.text_input("Tag", key="bar.tag", max_chars=60)
    add, remove = st.columns(2)
    add.button("Add", key="bar.tag.add", on_click=change, args=(True,), width="stretch")
    remove.button("Remove", key="bar.tag.remove", on_click=change, args=(False,), width="stretch")


def is_moving(listing: Listing) -> bool:
    """Whether the table will change by itself."""
    return bool(listing.unread) or any(is_active(run) for run in listing.runs)


def show_runs(filter: Filter, look: TableLook, was_active: bool, listed: list[Listing]) -> None:
    """The table with its bar above and the selected runs' curves below; renewed while any run is active.

    `listed` holds what the page around it has just read: it is used once.
    """
    listing = listed.pop() if listed else list_known()
    runs = listing.runs
    if is_moving(listing) != was_active:
        st.rerun()
    if listing.unread:
        st.caption(f"Reading {listing.unread:,} older runs for the first time.")
    keep_for_return("runs", *IN_ADDRESS)
    order = st.query_params.get("sort", DEFAULT_SORT)
    shown = sort_runs([run for run in runs if filter.lets_through(run)], order, look.columns)
    depths: dict[str, int] = {}
    if look.tree and not look.group and any(run.parent for run in shown):
        tree = order_tree(shown)
        shown, depths = [run for run, _ in tree], {run.id: depth for run, depth in tree}
    if not shown and not listing.unread:
        show_nothing(runs)
        return
    if look.group:
        show_grouped(shown, look, order)
        return
    selection = open_selection()
    # In the order they were ticked: the first is the one the others are compared with.
    known = {run.id: run for run in runs}
    if not listing.unread and any(id not in known for id in selection.ids):
        select([id for id in selection.ids if id in known])  # Some were deleted, here or elsewhere.
    chosen = [known[id] for id in selection.ids if id in known]
    show_outcome()
    show_bar(shown, chosen, look)
    show_stops_among(chosen if len(chosen) > 1 else shown, "runs")
    drawn = bool(chosen) and st.session_state.get("curves", True)
    curves = [run for run in chosen[:MAX_CURVES] if run.epoch] if drawn else []
    inks = {run.id: ink for run, (ink, _) in zip(curves, tell_runs_apart(curves), strict=True)}
    above = st.container()
    # Asked first and shown below: the page that the address names counts from the first run of the script on.
    page = turn_pages(len(shown), PAGE_ROWS, "page")
    with above:
        event = show_run_table(
            shown[page],
            key=TABLE,
            order=order,
            selected=selection.ids,
            version=selection.version,
            low=drawn,
            columns=look.columns,
            inks=inks,
            depths=depths,
        )
    follow(event)
    if drawn:
        show_curves(chosen[:MAX_CURVES], len(chosen))


def show_grouped(shown: Sequence[RunSummary], look: TableLook, order: str) -> None:
    """A row a group; its link leads to its runs, side by side."""
    groups = make_groups(shown, look.group)
    show_outcome()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="runs_bar"):
        count = f"{count_of(len(groups), 'group')} of {count_of(len(shown), 'run')}"
        st.html(f'<span class="lab-muted lab-small">{count}</span>')
        offer_csv("groups", lambda: write_groups(groups, look.group, look.columns))
    above = st.container()
    page = turn_pages(len(groups), PAGE_ROWS, "page")
    with above:
        event = show_groups(groups, look.group, look.columns, order=order, page=page, key="groups_table")
    if event.open and (group := find_group(groups, event.open)):
        target, params = group.target
        st.switch_page(target, query_params=params)
    if event.sort:
        st.query_params["sort"] = event.sort
        st.rerun(scope="fragment")


def follow(event: Any) -> None:
    """Handles the events of the table: open a run, sort, select."""
    if event.open:
        st.switch_page("run.py", query_params={"id": event.open})
    if event.sort:
        st.query_params["sort"] = event.sort
        st.rerun(scope="fragment")
    if event.select:
        open_selection().version = event.select["version"]
        select(event.select["ids"])
        st.rerun(scope="fragment")


def show_curves(chosen: Sequence[RunSummary], count: int) -> None:
    """The selected runs drawn together: colour is the run, dashed is training."""
    st.html('<h3 style="margin:0.4rem 0 0">Curves</h3>')
    if count > len(chosen):
        st.caption(f"The first {len(chosen)} of {count} selected runs are drawn.")
    view = show_view()
    drawn = [run for run in read_runs(run.id for run in chosen) if run.rows]
    if not drawn:
        show_centred("The curves begin with the first epoch.")
        return
    show_metrics(("loss", "accuracy"), drawn, view, key="runs", file_name="runs", height=340)
    without = [escape(run.name) for run in chosen if all(each.id != run.id for each in drawn)]
    if without:
        st.html(f'<p class="lab-muted lab-small">No epoch yet: {", ".join(without)}</p>')


answer_delete()
bring_back("runs", *IN_ADDRESS)
known_runs = list_known(max_age=find_age())
active = is_moving(known_runs)
chosen_filter, table_look = show_filter(known_runs.runs) if known_runs.runs else (Filter(), TableLook())
show_found()
st.session_state[SEARCHED] = read_search()
live_fragment(show_runs, TICK_SECONDS if active else None)(chosen_filter, table_look, active, [known_runs])
