"""Images that stand in a set more than once: equal in every pixel or nearly so, across parts or under two labels."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.data.alike import MAX_IMAGES
from core.data.survey import list_groups
from core.text.words import count_of
from pages.parts.data.images import open_image
from pages.parts.data.view import View
from pages.parts.frame.gallery import show_tiles
from pages.parts.frame.style import show_note
from pages.parts.frame.widgets import choose, turn_pages

PAGE_GROUPS = 12
MOST_SHOWN = 24  # images of a group
KINDS = {"parts": "In two parts", "labels": "Under two labels", "all": "All"}

Group = tuple[tuple[int, ...], bool]


def is_across_parts(view: View, group: Sequence[int]) -> bool:
    """Whether images of it stand in more than one part, so that what is trained on is looked at again."""
    return len({int(view.parts[index]) for index in group if view.parts[index] < len(view.counts)}) > 1


def is_across_labels(view: View, group: Sequence[int]) -> bool:
    return len({int(view.survey.labels[index]) for index in group}) > 1


def find_groups(view: View) -> dict[str, list[Group]]:
    """The groups by kind, those of equal images first."""
    found = list(list_groups(view.survey))
    return {
        "parts": [each for each in found if is_across_parts(view, each[0])],
        "labels": [each for each in found if is_across_labels(view, each[0])],
        "all": found,
    }


def show_alike(view: View) -> None:
    """How many groups there are of each kind, and their images."""
    groups = find_groups(view)
    if not groups["all"]:
        show_note("No two images are equal or nearly equal.")
        _explain(view)
        return
    kind = choose("Repeated images", KINDS, "groups", "all", label_visibility="collapsed")
    parts, labels = len(groups["parts"]), len(groups["labels"])
    show_note(f"{count_of(len(groups['all']), 'group')} in all: {parts:,} in two parts, {labels:,} under two labels.")
    _explain(view)
    chosen = groups[kind]
    if not chosen:
        show_note("There is none of this kind.")
        return
    for number, group in enumerate(chosen[turn_pages(len(chosen), PAGE_GROUPS, "group_page")]):
        _show_group(view, number, group)


def _explain(view: View) -> None:
    side = view.survey.pixels.shape[1]
    near = (
        f"Nearly equal ones are not searched for in more than {MAX_IMAGES:,} images."
        if view.survey.near is None
        else "Nearly equal: by a perceptual hash (pHash, Zauner 2010), confirmed by the correlation of the grey values."
    )
    show_note(f"Equal: in every pixel, at {side} × {side}. {near}")


def _show_group(view: View, number: int, group: Group) -> None:
    members, is_equal = group
    facts = [f"{count_of(len(members), 'image')} {'equal in every pixel' if is_equal else 'nearly equal'}"]
    facts += ["in two parts"] if is_across_parts(view, members) else []
    facts += ["under two labels"] if is_across_labels(view, members) else []
    st.html(f'<p class="lab-title">{", ".join(facts)}</p>')
    opened = show_tiles(
        view.tiles(list(members[:MOST_SHOWN])), key=f"data.group.{number}", hint="Click to see it in its place."
    )
    if opened is not None:
        open_image(opened)
        st.rerun()
