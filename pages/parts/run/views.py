"""Named views of the table of runs: one click brings back what it was filtered, ordered and grouped by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

from core.runs.views import MAX_NAME, View, delete_view, read_views, rename_view, save_view
from core.system.errors import LabError
from pages.parts.frame.address import set_params
from pages.parts.frame.failure import tell
from pages.parts.frame.style import show_problem
from pages.parts.run.columns import COLUMNS_KEY, GROUP_KEY

# Of what a view consists: lists that are chosen from, and what stands in the address; beside them `q` and `archived`.
_LISTS = ("state", "data", "tag", "by")
IN_ADDRESS = ("columns", "group", "sort")
_SAID, _DONE, _RENAMED = "views.said", "views.done", "views.renamed"


def show_views() -> None:
    """A popover with the views: opened, saved, renamed and deleted."""
    views = read_views()
    if done := st.session_state.pop(_DONE, ""):
        st.toast(done, icon=":material/bookmark_added:")
    with st.popover("Views", icon=":material/bookmark:", key="views", help="Searches and tables with a name."):
        if not views:
            st.html('<p class="lab-muted lab-small">Search, choose columns or group the runs, then save that here.</p>')
        for number, (name, view) in enumerate(views.items()):
            if name == st.session_state.get(_RENAMED):
                _ask_name(name)
                continue
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.button(name, key=f"view.open.{number}", on_click=_open, args=(view,), width="stretch")
                _show_act("rename", ":material/edit:", number, name, _begin_rename)
                _show_act("delete", ":material/delete:", number, name, _delete)
        if st.session_state.get(_RENAMED) not in views:  # one name is asked for at a time
            with st.form("views.form", border=False, clear_on_submit=True):
                st.text_input("Name", key="views.name", max_chars=MAX_NAME, placeholder="Baselines of October")
                st.form_submit_button("Save what is shown", icon=":material/bookmark_add:", on_click=_save)
        if said := st.session_state.pop(_SAID, ""):
            show_problem(said)


def _show_act(word: str, icon: str, number: int, name: str, act: Callable[[str], None]) -> None:
    """A button for what can be done with a view, beside its name."""
    help = f"{word.capitalize()}s the view {name}."
    st.button("", icon=icon, key=f"view.{word}.{number}", on_click=act, args=(name,), help=help)


def _ask_name(name: str) -> None:
    """In place of the view's row, its name in a box."""
    with st.form("views.rename", border=False):
        st.text_input("New name", name, key=f"views.new.{name}", max_chars=MAX_NAME)
        with st.container(horizontal=True, gap="small"):
            st.form_submit_button("Rename", icon=":material/check:", on_click=_rename, args=(name,))
            st.form_submit_button("Keep the name", type="tertiary", on_click=_begin_rename, args=("",))


def _begin_rename(name: str) -> None:
    """As a button's callback; with no name, no view is renamed any more."""
    st.session_state[_RENAMED] = name


def _rename(name: str) -> None:
    with _telling():
        if rename_view(name, st.session_state[f"views.new.{name}"]):
            st.session_state[_DONE] = "View renamed."
        _begin_rename("")


def _open(view: View) -> None:
    """As a button's callback: sets the controls, which set the address."""
    lists: dict[str, Any] = {name: view.get(name, []) for name in _LISTS}
    st.session_state.update(lists | {"q": " ".join(view.get("q", [])), "archived": bool(view.get("archived"))})
    # These two take what the address says.
    for key in (COLUMNS_KEY, GROUP_KEY):
        st.session_state.pop(key, None)
    set_params(page="", **{name: next(iter(view.get(name, [])), "") for name in IN_ADDRESS})


def _save() -> None:
    state, params = st.session_state, st.query_params
    view = {name: list(state.get(name) or []) for name in _LISTS} | {name: params.get_all(name) for name in IN_ADDRESS}
    view |= {"q": [state["q"]] if state["q"] else [], "archived": ["true"] if state["archived"] else []}
    with _telling():
        replaced = save_view(state["views.name"], {name: values for name, values in view.items() if values})
        state[_DONE] = "View saved, in place of the one of this name." if replaced else "View saved."


def _delete(name: str) -> None:
    with _telling():
        delete_view(name)
        st.session_state[_DONE] = "View deleted."


@contextmanager
def _telling() -> Iterator[None]:
    """What goes wrong inside is left for `show_views`."""
    try:
        yield
    except (LabError, OSError) as error:
        st.session_state[_SAID] = tell(error)
