"""Galleries of a data set's images; a click opens one on the tab that asks the network about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import streamlit as st

from core.examine.predictions import Split
from core.helper.process import call
from core.runs.folder import Run
from core.system.errors import LabError
from pages.parts.frame.address import set_params
from pages.parts.frame.assets import image_address
from pages.parts.frame.gallery import Tile, show_tiles
from pages.parts.frame.style import show_note

PAGE_IMAGES = 24
IMAGE_TAB = "Image"


@dataclass(frozen=True)
class Caption:
    """The text below an image; a `wrong` prediction is shown as such."""

    title: str
    line: str
    wrong: bool = False


def show_gallery(
    run: Run, split: Split, indices: Sequence[int], caption: Callable[[int], Caption], *, key: str, empty: str
) -> None:
    """The first images at `indices` of the split, more on request; a sentence if there are none, or no data set."""
    if not len(indices):
        show_note(empty)
        return
    shown_key = f"gallery.{key}.{run.id}.{split}"
    shown = st.session_state.get(shown_key, PAGE_IMAGES)
    chosen = [int(index) for index in indices[:shown]]
    sources = fetch_images(run, split, chosen)
    if isinstance(sources, str):
        show_note(sources)
        named = ", ".join(map(str, chosen[:12])) + (", …" if len(chosen) > 12 else "")
        show_note(f"Their indices in the {'test' if split == 'test' else 'validation'} set: {named}.")
        return
    tiles = [Tile(index, source, **asdict(caption(index))) for index, source in zip(chosen, sources, strict=True)]
    opened = show_tiles(tiles, key=f"gallery.{key}", hint="Click to see where the network looks.")
    if opened is not None:
        set_params(image=opened, tab=IMAGE_TAB)
        st.rerun(scope="app")
    if shown < len(indices):
        st.button(
            f"{min(PAGE_IMAGES, len(indices) - shown)} more of {len(indices):,}",
            key=f"{shown_key}.more",
            icon=":material/expand_more:",
            type="tertiary",
            on_click=_show_more,
            args=(shown_key, shown),
        )


def _show_more(key: str, shown: int) -> None:
    st.session_state[key] = shown + PAGE_IMAGES


def fetch_images(run: Run, split: Split, indices: Sequence[int]) -> list[str] | str:
    """The images as data addresses, or the sentence that says why they cannot be shown."""
    try:
        return _fetch(run.environment().get("data_fingerprint", ""), split, tuple(indices), run.spec.model_dump_json())
    except LabError as error:
        return f"The images cannot be shown: {error}"


@st.cache_data(max_entries=60, show_spinner="Fetching images")
def _fetch(fingerprint: str, split: Split, indices: tuple[int, ...], _spec_json: str) -> list[str]:
    pictures = call(
        "core.engine.preview:image_strip", spec_json=_spec_json, part=split, places=indices, fingerprint=fingerprint
    ).result()
    return [image_address(picture) for picture in pictures]
