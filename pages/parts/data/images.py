"""All images, page by page: of a class, of a part, in an order; the chosen one stands above them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import streamlit as st

from core.data.survey import NOTED, PARTS, UNUSED
from core.text.safe import plain
from core.text.words import count_of
from pages.parts.data.choose import reset_choices
from pages.parts.data.image import show_image
from pages.parts.data.view import PART_TITLES, View
from pages.parts.frame.address import set_params
from pages.parts.frame.gallery import show_tiles
from pages.parts.frame.style import show_note
from pages.parts.frame.widgets import choose, take_word, turn_pages

PAGE_IMAGES = 60
ORDERS = {
    "set": "As in the set",
    "bright": "Brightest first",
    "dark": "Darkest first",
    "large": "Largest first",
    "small": "Smallest first",
    "long": "Most elongated first",
}
PAGE, _OPEN, _TURNED = "page", "data.open", "data.turned"
_CODES = {**{name: number for number, name in enumerate(PARTS)}, "unused": UNUSED, "out": NOTED}


@st.fragment
def show_images(view: View) -> None:
    """The filters, the chosen image, and a page of images."""
    found = _choose(view)
    index = read_image(view)
    if index is not None:
        show_image(view, index, found)
    if not len(found):
        show_note("No image is of this class and part.")
        return
    _hold_page()
    shown = turn_pages(len(found), PAGE_IMAGES, PAGE)
    after = slice(shown.stop, shown.stop + PAGE_IMAGES)
    opened = show_tiles(
        view.tiles(found[shown].tolist(), index),
        key="data.images",
        hint="Click to see it at its full size.",
        ahead=view.tiles(found[after].tolist(), index),
        pager=PAGE,
    )
    if opened is not None and opened != index:
        set_params(image=opened)
        st.rerun(scope="fragment")
    show_note(f"{shown.start + 1:,} to {min(shown.stop, len(found)):,} of {count_of(len(found), 'image')}.")


def read_image(view: View) -> int | None:
    """The image that the address names."""
    text = st.query_params.get("image", "")
    return int(text) if text.isdecimal() and len(text) < 10 and int(text) < len(view.parts) else None


def open_image(index: int) -> None:
    """Shows an image in its place with the next run of the script: what widgets hold is set before they are made."""
    st.session_state[_OPEN] = index


def take_open_image() -> None:
    """Among all images of the set, on the page that it is on."""
    index = st.session_state.pop(_OPEN, None)
    if index is not None:
        reset_choices()
        st.session_state[PAGE] = st.session_state[_TURNED] = index // PAGE_IMAGES + 1
        set_params(image=index)


def _hold_page() -> None:
    """Tells the browser again which page an image was opened on, until another one is chosen.

    Streamlit tells a value that the script has set once. A browser that has yet to load the widget, as where another
    page leads here, then draws it by the next run's message, which says nothing of it: page 1.
    """
    turned = st.session_state.get(_TURNED)
    if turned and st.session_state.get(PAGE) == turned:
        st.session_state[PAGE] = turned
    else:
        st.session_state.pop(_TURNED, None)


def _choose(view: View) -> npt.NDArray[np.int64]:
    """The images that are asked for, in their order."""
    survey = view.survey
    classes = {"": "All classes", **{str(number): plain(name) for number, name in enumerate(survey.classes)}}
    parts = {"": "All", **PART_TITLES}
    parts |= {"unused": "Not used"} if (view.parts == UNUSED).any() else {}
    parts |= {"out": "Left out"} if (view.parts == NOTED).any() else {}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="data_filter"):
        take_word(ORDERS, "order")
        label = st.selectbox(
            "Class", list(classes), format_func=classes.__getitem__, key="class", bind="query-params", width=200
        )
        part = choose("Part", parts, "show", "")
        order = st.selectbox(
            "Order", list(ORDERS), format_func=ORDERS.__getitem__, key="order", bind="query-params", width=200
        )
    chosen = np.ones(len(view.parts), bool)
    if label:
        chosen &= survey.labels == int(label)
    if part:
        chosen &= view.parts == _CODES[part]
    indices = np.flatnonzero(chosen)
    return indices[np.argsort(_weigh(view, str(order))[indices], kind="stable")]


def _weigh(view: View, order: str) -> npt.NDArray[np.float64]:
    """What images are sorted by, the least first."""
    sides = view.survey.sides.astype(np.float64)
    brightness = view.survey.colours.mean(axis=1, dtype=np.float64)
    weights: dict[str, npt.NDArray[np.float64]] = {
        "bright": -brightness,
        "dark": brightness,
        "large": -sides.prod(axis=1),
        "small": sides.prod(axis=1),
        "long": -sides.max(axis=1) / np.maximum(sides.min(axis=1), 1),
    }
    return weights.get(order, np.zeros(len(view.parts)))
