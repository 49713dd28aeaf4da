"""Data: what a set of images holds, before anything is trained on it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import streamlit as st

from core.data.catalogue import find_absent
from core.data.notes import read_notes
from core.data.survey import PARTS
from core.system.errors import LabError
from pages.parts.data.alike import show_alike
from pages.parts.data.bring import show_bring, show_told, take_brought
from pages.parts.data.choose import Chosen, choose_set, read_chosen, use_in_build
from pages.parts.data.images import open_image, show_images, take_open_image
from pages.parts.data.load import find_parts, load_survey, look_again, measure
from pages.parts.data.notes import show_notes
from pages.parts.data.overview import show_classes, show_facts, show_left_out, show_shapes
from pages.parts.data.view import View
from pages.parts.frame.assets import show_style
from pages.parts.frame.failure import tell
from pages.parts.frame.style import show_alert, show_note
from pages.parts.frame.widgets import renew_while, show_way_on
from pages.parts.transfer.download import show_download

TABS: dict[str, Callable[[View], None]] = {
    "Images": show_images,
    "Classes": show_classes,
    "Sizes and colours": show_shapes,
    "Repeated": show_alike,
    "Left out": show_left_out,
    "Wrong labels": show_notes,
}
OWN_SET = ("The built-in set", "data.py", ":material/photo_library:")


def find_chosen() -> Chosen:
    """The set that the address names; else a sentence and the way to one that is there."""
    try:
        return read_chosen()
    except LabError as error:
        show_way_on(tell(error), *OWN_SET)


def show_head(chosen: Chosen) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="data_head"):
        choose_set(chosen)
        show_bring()
        if st.button("Use in Build", icon=":material/tune:", key="data.build"):
            use_in_build(chosen.spec)
        st.button(
            "Look again",
            icon=":material/refresh:",
            type="tertiary",
            on_click=look_again,
            args=(chosen.spec,),
            help="Files may have changed in place.",
        )


def load_view(chosen: Chosen) -> View | None:
    """What there is to show; else says what is missing, or how far the look through the images is."""
    spec = chosen.spec
    if absent := find_absent(spec.dataset):
        show_download(absent)
        return None
    try:
        survey = load_survey(spec)
        notes = read_notes(spec)
    except LabError as error:
        show_alert(str(error))
        return None
    if survey is None:
        return None
    parts = find_parts(spec.model_dump_json(), survey.key, survey, spec)
    if isinstance(parts, str):
        show_alert(parts)
        return None
    return View(spec, survey, parts, notes)


def take_place(view: View) -> None:
    """An address by part and index, as other pages give it, becomes that of an image."""
    part, index = st.query_params.pop("part", ""), st.query_params.pop("index", "")
    if part not in PARTS or not index.isdecimal() or len(index) > 9:
        return
    members = np.flatnonzero(view.parts == PARTS.index(part))
    if int(index) < len(members):
        open_image(int(members[int(index)]))


def check_origin(chosen: Chosen, view: View) -> None:
    """Says so where the images, or their split, are no longer those of the run that one comes from."""
    wanted = chosen.run.environment().get("data_fingerprint") if chosen.run else None
    if not wanted:
        return
    future = measure(view.spec.model_dump_json(), view.survey.key, view.spec)

    def show() -> None:
        if future.done() and (future.exception() or future.result()[0] != wanted):
            show_alert(
                "The images on this machine, or their split, are no longer those of the run: an image may stand at "
                "another place."
            )

    renew_while(lambda: not future.done(), show)


take_brought()
chosen = find_chosen()
show_style(__file__)
show_head(chosen)
if view := load_view(chosen):
    take_place(view)
    take_open_image()
    show_facts(view)
    show_told(view.spec)
    if chosen.run:
        show_note(f"As the run {chosen.run.about.name} divides them.")
        check_origin(chosen, view)
    for tab, show_tab in zip(st.tabs(list(TABS), key="tab", bind="query-params"), TABS.values(), strict=True):
        if tab.open:
            with tab:
                show_tab(view)
