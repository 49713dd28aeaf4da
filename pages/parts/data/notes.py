"""All images of a set that were noted as wrongly labelled, and the list of them that a training leaves out."""

from __future__ import annotations

import streamlit as st

from core.data.notes import LeftOutImage, keep_list
from core.data.survey import own_part
from core.spec import DataSpec
from core.system.errors import LabError
from core.text.words import count_of
from pages.parts.data.choose import open_set, use_in_build
from pages.parts.data.images import open_image
from pages.parts.data.view import View
from pages.parts.frame.gallery import show_tiles
from pages.parts.frame.style import show_note, show_problem

MOST_SHOWN = 240


def find_noted(view: View) -> list[int]:
    """The indices of noted images; notes of files that are gone count for nothing."""
    return [index for index, name in enumerate(view.survey.names) if name in view.notes] if view.notes else []


def leave_noted_out(view: View) -> DataSpec:
    """The spec that leaves out what is noted now. Raises LabError."""
    survey = view.survey
    images = [
        LeftOutImage(survey.names[index], int(survey.labels[index]), own_part(survey, index))
        for index in find_noted(view)
    ]
    return view.spec.model_copy(update={"without": keep_list(view.spec, images) if images else ""})


def _look_without(view: View) -> None:
    open_set(leave_noted_out(view))


def show_notes(view: View) -> None:
    """The noted images, and what can be done with them."""
    noted = find_noted(view)
    if not noted:
        show_note("No label is noted as wrong. Open an image, then press The label is wrong.")
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html(f'<span class="lab-small"><b>{len(noted):,}</b> noted as wrong</span>', width="content")
        train = st.button(
            f"Train without {'it' if len(noted) == 1 else 'them'}",
            icon=":material/tune:",
            help="Opens Build with a spec that leaves these images out. Its mark names exactly these, whatever is "
            "noted later.",
        )
        st.button(
            "Look without them", icon=":material/visibility_off:", type="tertiary", on_click=_look_without, args=(view,)
        )
    if train:
        try:
            use_in_build(leave_noted_out(view))
        except LabError as error:
            show_problem(str(error))
            return
    opened = show_tiles(view.tiles(noted[:MOST_SHOWN]), key="data.noted", hint="Click to see it in its place.")
    if len(noted) > MOST_SHOWN:
        show_note(f"The first {MOST_SHOWN:,} of {count_of(len(noted), 'image')}.")
    if opened is not None:
        open_image(opened)
        st.rerun()
