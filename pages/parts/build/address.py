"""The draft in the page's address: `?spec=...` is kept up to date; `?preset=NAME` and `?clone=RUN_ID` are taken in."""

from __future__ import annotations

from functools import lru_cache

import streamlit as st

from core.runs.store import open_run
from core.spec import RunSpec
from core.spec.link import from_link, to_link
from core.spec.parse import SpecError
from core.spec.presets import PRESETS
from core.system.errors import LabError
from pages.parts.build.draft import FIRST_PRESET, Draft
from pages.parts.frame.address import DraftAddress

ADDRESS = DraftAddress("build", ("spec", "preset", "clone"))


def read_address(draft: Draft) -> None:
    """Fills the draft from the address if that asks for another; a damaged one leaves a notice."""
    if (word := ADDRESS.find_news(draft.touched)) is None:
        return
    try:
        spec, preset = _resolve(*word)
    except (LabError, KeyError) as error:
        ADDRESS.refuse(_explain(*word, error))
    else:
        draft.replace(spec, preset)


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
    touched, draft.touched = draft.touched, False
    ADDRESS.write(None if draft.good == PRESETS[FIRST_PRESET].spec else _packed(draft.good), touched)


@lru_cache(maxsize=64)
def _packed(spec: RunSpec) -> str:
    return to_link(spec)


def link_of(spec: RunSpec) -> str:
    """The whole address that opens this spec."""
    base = (st.context.url or "").partition("?")[0].rstrip("/")
    return f"{base}?spec={_packed(spec)}"
