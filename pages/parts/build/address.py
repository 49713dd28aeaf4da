"""The draft in the page's address: `?spec=...` is kept up to date; `?preset=NAME` and `?clone=RUN_ID` are taken in."""

from __future__ import annotations

import time
from functools import lru_cache

import streamlit as st

from core.runs.store import open_run
from core.spec import RunSpec
from core.spec.link import from_link, to_link
from core.spec.parse import SpecError
from core.spec.presets import PRESETS
from core.system.errors import LabError
from pages.parts.build.draft import FIRST_PRESET, Draft

SOURCES = ("spec", "preset", "clone")
SEEN_KEY = "build.address"
LEFT_KEY = "build.addresses_left"
NOTICE_KEY = "build.notice"
# The browser may still send an address that was replaced this recently.
STALE_SECONDS = 3.0


def read_address(draft: Draft) -> None:
    """Fills the draft from the address where a link was opened, or Back was pressed; a damaged one leaves a notice."""
    wanted = next(((name, st.query_params[name]) for name in SOURCES if name in st.query_params), None)
    if draft.touched:
        st.session_state.pop(NOTICE_KEY, None)
    if wanted is None or draft.touched or wanted == st.session_state.get(SEEN_KEY) or _is_stale(wanted):
        return
    st.session_state[SEEN_KEY] = wanted
    st.session_state.pop(NOTICE_KEY, None)
    try:
        spec, preset = _resolve(*wanted)
    except (LabError, KeyError) as error:
        st.session_state[NOTICE_KEY] = _explain(*wanted, error)
        return
    draft.replace(spec, preset)


def _is_stale(wanted: tuple[str, str]) -> bool:
    left: dict[tuple[str, str], float] = st.session_state.get(LEFT_KEY, {})
    return time.monotonic() - left.get(wanted, float("-inf")) < STALE_SECONDS


def _resolve(name: str, value: str) -> tuple[RunSpec, str]:
    if name == "preset":
        return PRESETS[value].spec, value
    return (from_link(value) if name == "spec" else open_run(value).spec), ""


def _explain(name: str, value: str, error: Exception) -> str:
    shown = value[:60]
    match name:
        case "preset":
            return f"There is no preset “{shown}”. Choose one from the list."
        case "clone" if not isinstance(error, SpecError):
            return f"There is no run “{shown}” to clone here."
    problems = error.problems if isinstance(error, SpecError) else []
    return "The link could not be used. " + " ".join(f"{str(p)[:1].upper()}{str(p)[1:]}." for p in problems[:3])


def write_address(draft: Draft) -> None:
    """Puts the draft's last good spec into the address; the spec that every visit begins with needs none."""
    draft.touched = False
    if NOTICE_KEY in st.session_state:
        return
    untouched = draft.good == PRESETS[FIRST_PRESET].spec
    link = None if untouched else _packed(draft.good)
    if st.query_params.get("spec") == link and not {"preset", "clone"} & st.query_params.keys():
        return
    left = st.session_state.setdefault(LEFT_KEY, {})
    if seen := st.session_state.get(SEEN_KEY):
        left[seen] = time.monotonic()
    for name in SOURCES:
        if name in st.query_params and (name != "spec" or link is None):
            del st.query_params[name]
    if link is not None:
        st.query_params["spec"] = link
        st.session_state[SEEN_KEY] = ("spec", link)
        left.pop(("spec", link), None)
    else:
        st.session_state.pop(SEEN_KEY, None)


@lru_cache(maxsize=64)
def _packed(spec: RunSpec) -> str:
    return to_link(spec)


def link_of(spec: RunSpec) -> str:
    """The whole address that opens this spec."""
    base = (st.context.url or "").partition("?")[0].rstrip("/")
    return f"{base}?spec={_packed(spec)}"
