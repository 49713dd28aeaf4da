"""One image in its place: at its full size, what is known of it, what is like it, and a note if its label is wrong."""

from __future__ import annotations

import os
from concurrent.futures import Future
from html import escape

import numpy as np
import numpy.typing as npt
import streamlit as st

from core.data.decoding import Look
from core.data.notes import MAX_REMARK, Note, write_note
from core.data.survey import list_groups
from core.helper.process import call
from core.system.errors import LabError
from core.text.formats import format_bytes
from core.text.safe import plain
from pages.parts.data.view import View
from pages.parts.frame.address import set_params
from pages.parts.frame.assets import image_address
from pages.parts.frame.gallery import show_tiles
from pages.parts.frame.style import show_note, show_problem
from pages.parts.frame.widgets import renew_while
from server.sign_in import current_address

SIDE = 512  # of the picture
MOST_ALIKE = 12
_OTHER = "Another class, or none"


def show_image(view: View, index: int, found: npt.NDArray[np.int64]) -> None:
    """`found` are the images among which one goes on to the next."""
    with st.container(border=True, key="data_image"):
        left, right = st.columns([0.4, 0.6], gap="large")
        with left:
            _show_picture(view, index)
        with right:
            _show_head(view, index, found)
            _show_facts(view, index)
            _show_alike(view, index)
            _show_note(view, index)


@st.cache_resource(max_entries=64, show_spinner=False)
def _request(path: str, stamp: int, ground: str) -> Future[bytes]:
    return call("core.data.decoding:draw_whole", path=path, look=Look(SIDE, ground))


def _show_picture(view: View, index: int) -> None:
    if not view.survey.file_names:
        _draw(view.picture(index), view, index)
        return
    path = os.path.join(os.path.abspath(os.path.expanduser(view.spec.folder)), view.survey.names[index])
    try:
        future = _request(path, os.stat(path).st_mtime_ns, view.spec.ground)
    except OSError as error:
        show_problem(f"{view.name_of(index)} cannot be read: {error.strerror}.")
        return

    def show() -> None:
        if not future.done():
            _draw(view.picture(index), view, index)
        elif error := future.exception():
            show_problem(str(error) if isinstance(error, LabError) else "The image could not be read.")
        else:
            _draw(image_address(future.result()), view, index)

    renew_while(lambda: not future.done(), show, 0.1)


def _draw(source: str, view: View, index: int) -> None:
    small = " small" if view.survey.sides[index].max(initial=0) <= SIDE // 2 else ""
    st.html(f'<img class="data-whole{small}" alt="{escape(view.name_of(index))}" src="{source}">')


def _show_head(view: View, index: int, found: npt.NDArray[np.int64]) -> None:
    """The name, and the way to the one before and after it."""
    place = np.flatnonzero(found == index)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="data_image_head"):
        st.html(f'<h3 class="lab-text">{escape(view.name_of(index))}</h3>')
        for label, icon, step in (("Before", "chevron_left", -1), ("Next", "chevron_right", 1)):
            target = int(place[0]) + step if len(place) else -1
            st.button(
                label,
                icon=f":material/{icon}:",
                type="tertiary",
                key=f"data.{label}",
                disabled=not 0 <= target < len(found),
                on_click=set_params,
                kwargs={"image": int(found[target])} if 0 <= target < len(found) else {},
            )
        st.button("Close", icon=":material/close:", type="tertiary", on_click=set_params, kwargs={"image": None})


def _show_facts(view: View, index: int) -> None:
    survey = view.survey
    width, height = survey.sides[index]
    facts = [(view.class_of(index), "class"), (view.word_of(index), "place"), (f"{width:,} × {height:,}", "pixels")]
    if survey.file_names:
        facts.append((f"{survey.formats[survey.kinds[index]]}, {format_bytes(int(survey.bytes[index]))}", "file"))
    cells = "".join(f"<div><b>{escape(value)}</b> {what}</div>" for value, what in facts)
    st.html(f'<div class="lab-facts">{cells}</div>')


def _show_alike(view: View, index: int) -> None:
    """The images that are equal to it, or nearly so."""
    for group, is_equal in list_groups(view.survey):
        others = [other for other in group if other != index]
        if len(others) == len(group):
            continue
        how = "Equal in every pixel" if is_equal else "Nearly equal"
        show_note(f"{how}: {len(others):,} other{'s' * (len(others) > 1)}.")
        opened = show_tiles(
            view.tiles(others[:MOST_ALIKE]), key=f"data.alike.{is_equal}", hint="Click to see it at its full size."
        )
        if opened is not None and opened != index:
            set_params(image=opened)
            st.rerun(scope="fragment")


def _show_note(view: View, index: int) -> None:
    """Whether the label is wrong, and what it should be."""
    name = view.survey.names[index]
    note = view.notes.get(name)
    if note:
        _tell(view, name, note)
        return
    with st.popover("The label is wrong", icon=":material/flag:", key=f"data.flag.{index}"), st.container(width=320):
        own = view.class_of(index)
        classes = [_OTHER, *(plain(each) for each in view.survey.classes if plain(each) != own)]
        right = st.selectbox("It is of the class", classes, key=f"data.right.{index}")
        remark = st.text_input("Remark", max_chars=MAX_REMARK, key=f"data.remark.{index}", placeholder="Optional")
        pressed = st.button("Note it", type="primary", icon=":material/flag:", key=f"data.note.{index}")
        show_note("Kept beside the set, in the lab's data folder. The file itself stays as it is.")
    if pressed:
        label = view.survey.classes[view.survey.labels[index]]
        should_be = "" if right == _OTHER else str(right)
        _write(view, name, Note(label, should_be, remark or "", current_address()))


def _tell(view: View, name: str, note: Note) -> None:
    what = f"It should be {plain(note.should_be)}." if note.should_be else "It is of no class of the set."
    remark = f" {plain(note.remark)}" if note.remark else ""
    by = f" ({plain(note.by)})" if note.by else ""
    st.html(
        f'<p class="lab-small lab-wrap" style="margin:0"><b class="lab-bad">Noted as wrong.</b> '
        f"{escape(what)}{escape(remark)}{escape(by)}</p>"
    )
    if st.button("Take the note back", icon=":material/undo:", type="tertiary", key="data.unnote"):
        _write(view, name, None)


def _write(view: View, name: str, note: Note | None) -> None:
    try:
        write_note(view.spec, name, note)
    except LabError as error:
        show_problem(str(error))
        return
    st.rerun()
