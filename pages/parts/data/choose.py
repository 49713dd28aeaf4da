"""Which set is looked at: the address says so, by a run, by a whole choice of data, or by a set's name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core.data.catalogue import name_data
from core.data.sets import KnownSet, list_sets
from core.runs.folder import Run
from core.runs.store import open_run
from core.spec import DataSpec, RunSpec
from core.spec.link import pack_data, to_link, unpack_data
from core.text.safe import plain
from pages.parts.frame.address import set_params

KEY = "data.set"
# Widgets that say which images of a set are shown, as they begin.
_BEGINNINGS = {"tab": "Images", "class": "", "order": "set", "show": "", "page": 1, "groups": "all", "group_page": 1}


@dataclass(frozen=True)
class Chosen:
    """The set, and the run whose images it holds, if one came from there."""

    spec: DataSpec
    run: Run | None = None


def read_chosen() -> Chosen:
    """What the address names; the set that needs no download where it names nothing. Raises LabError."""
    if run_id := st.query_params.get("run", ""):
        run = open_run(run_id)
        return Chosen(run.spec.data, run)
    value = st.query_params.get("set", "")
    return Chosen(unpack_data(value) if value else DataSpec())


def choose_set(chosen: Chosen) -> None:
    """The list of sets, with the chosen one."""
    sets = {_identify(each.spec): each for each in list_sets()}
    here = _identify(chosen.spec)
    sets.setdefault(here, KnownSet(chosen.spec.folder or name_data(chosen.spec), chosen.spec))
    st.session_state[KEY] = here
    st.selectbox(
        "Data set",
        list(sets),
        format_func=lambda key: _shorten(plain(sets[key].title)),
        key=KEY,
        on_change=_take_over,
        args=(sets,),
        width=380,
        help="Those known by name, and the folders that runs were trained on.",
    )


def _identify(spec: DataSpec) -> str:
    return f"{spec.dataset}:{spec.folder}" if spec.has_path else spec.dataset


def _shorten(title: str) -> str:
    """A path by its end, where it says most."""
    return title if len(title) <= 60 else f"…{title[-59:]}"


def _take_over(sets: dict[str, KnownSet]) -> None:
    open_set(sets[st.session_state[KEY]].spec)


def open_set(spec: DataSpec) -> None:
    """Puts a set into the address, without what was chosen of the former one."""
    reset_choices()
    set_params(set=pack_data(spec), **dict.fromkeys(("run", "part", "index", "image")))


def reset_choices() -> None:
    """Shows all images from the first on; before the widgets are made. What the address has of them follows."""
    for key, value in _BEGINNINGS.items():
        if key in st.session_state:
            st.session_state[key] = value


def use_in_build(spec: DataSpec) -> None:
    """Opens Build with these images, and all else as by default."""
    st.switch_page("build.py", query_params={"spec": to_link(RunSpec(data=spec))})


def short_name(spec: DataSpec) -> str:
    """For the names of files."""
    return Path(spec.folder).name if spec.has_path else spec.dataset
