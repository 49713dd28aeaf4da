"""Where two runs or groups disagree: test images that one gets right and the other wrong, and both predictions."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from html import escape

import streamlit as st

from core.compare.disagreements import Disagreement, Side, find_disagreement
from core.compare.units import Unit
from core.compare.verdicts import NoPredictionsError
from core.data.catalogue import is_ready
from core.helper.process import call
from core.runs.records import WeightsName
from core.system.errors import LabError
from pages.parts.compare.table import weights_control
from pages.parts.frame.assets import image_address
from pages.parts.frame.style import show_problem
from pages.parts.frame.widgets import renew_while, turn_pages

PAGE_IMAGES = 24
POLL_SECONDS = 0.3


@st.cache_resource(max_entries=64, show_spinner=False)
def _request(run_id: str, fingerprint: str, places: tuple[int, ...], _spec_json: str) -> Future[list[bytes]]:
    return call(
        "core.engine.preview:image_strip", spec_json=_spec_json, part="test", places=places, fingerprint=fingerprint
    )


def draw_dot(unit: Unit) -> str:
    return f'<span class="compare-dot" style="background:{unit.ink.css}"></span>'


def need_two(units: Sequence[Unit]) -> bool:
    """Says so where there is nothing to hold the baseline against."""
    if len(units) > 1:
        return True
    st.html('<p class="lab-muted">Choose another run to compare this one with.</p>')
    return False


def show_gallery(units: Sequence[Unit]) -> None:
    """Two runs or groups to choose, and the images on which they disagree, page by page."""
    if not need_two(units):
        return
    right, wrong, weights = _choose_pair(units)
    if right is wrong:
        st.html('<p class="lab-muted">A run does not disagree with itself: choose two.</p>')
        return
    try:
        found = find_disagreement(right, wrong, weights)
    except NoPredictionsError as error:
        st.html(f'<p class="lab-muted">{escape(str(error))}</p>')
        return
    st.html(_tell_count(right, wrong, found))
    if count := len(found.places):
        _show_images(right, wrong, found, turn_pages(count, PAGE_IMAGES, "gallery"))


def _tell_count(right: Unit, wrong: Unit, found: Disagreement) -> str:
    """How many images, what counts as right and wrong, and what is missing."""
    apart = max(found.right.num_seeds, found.wrong.num_seeds) > 1
    order = "First those on which most seeds differ, then" if apart else "First"
    remarks = "".join(f'<p class="lab-muted lab-small run-facts">{escape(remark)}</p>' for remark in found.remarks)
    return (
        f'<p class="run-facts"><b>{len(found.places):,}</b> of {len(found.labels):,} test images: '
        f"{_name(right, found.right)} right and {_name(wrong, found.wrong)} wrong. "
        f'<span class="lab-muted">{order} those on which both are most confident.</span></p>{remarks}'
    )


def _name(unit: Unit, side: Side) -> str:
    name = f"{draw_dot(unit)} <b>{escape(unit.name)}</b>"
    return f"{name} is" if side.num_seeds == 1 else f"most of the {side.num_seeds} seeds of {name} are"


def _choose_pair(units: Sequence[Unit]) -> tuple[Unit, Unit, WeightsName]:
    """The two by their ids, kept in the address; at first the baseline and the next unit of another spec."""
    known = {unit.id: unit for unit in units}
    other = next((unit.id for unit in units[1:] if unit.first.recipe != units[0].first.recipe), units[1].id)
    ids = list(known)

    def name(unit_id: str) -> str:
        return known[unit_id].name

    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="compare_pair"):
        right = st.selectbox("Right", ids, 0, format_func=name, key="right", bind="query-params", width=280)
        wrong = st.selectbox(
            "Wrong", ids, ids.index(other), format_func=name, key="wrong", bind="query-params", width=280
        )
        st.button("Swap", icon=":material/swap_horiz:", on_click=_swap, args=(right, wrong))
        weights = weights_control()
    return known[right or ids[0]], known[wrong or other], weights


def _swap(right: str, wrong: str) -> None:
    st.session_state["right"], st.session_state["wrong"] = wrong, right


def _show_images(right: Unit, wrong: Unit, found: Disagreement, shown: slice) -> None:
    """Words at once, the images as soon as the helper process has them."""
    run = right.first
    if not is_ready(run.spec.data):
        _draw(right, wrong, found, shown, None)
        st.html('<p class="lab-muted lab-small">The images show once the data set is on this machine.</p>')
        return
    asked = (run.id, str(run.environment.get("data_fingerprint") or ""), tuple(map(int, found.places[shown])))
    future = _request(*asked, run.spec.model_dump_json())

    def show() -> None:
        error = future.exception() if future.done() else None
        _draw(right, wrong, found, shown, future.result() if future.done() and not error else None)
        if error:
            _request.clear(*asked)
            show_problem(str(error) if isinstance(error, LabError) else "The images could not be read.")

    renew_while(lambda: not future.done(), show, POLL_SECONDS)


def _draw(right: Unit, wrong: Unit, found: Disagreement, shown: slice, pictures: Sequence[bytes] | None) -> None:
    """One tile an image: what it is, and what each of the two says with which confidence."""
    classes = right.first.environment.get("class_names") or []

    def name(label: int) -> str:
        return escape(str(classes[label]) if label < len(classes) else f"class {label}")

    tiles = []
    for number, place in enumerate(found.places[shown]):
        answers = "".join(
            f"<span>{draw_dot(unit)}{name(int(side.predicted[place]))}</span>"
            f"<span>{_tell_confidence(side, int(place))}</span>"
            for unit, side in ((right, found.right), (wrong, found.wrong))
        )
        picture = f'<img alt="" src="{image_address(pictures[number])}">' if pictures else '<span class="empty"></span>'
        place_in_set = f"data?run={right.first.id}&part=test&index={int(place)}"
        picture = f'<a href="{place_in_set}" target="_self" title="Where it stands in its data set">{picture}</a>'
        tiles.append(
            f'<figure title="Test image {int(place)}">{picture}<figcaption>'
            f'<b>{name(int(found.labels[place]))}</b><span class="told">{answers}</span></figcaption></figure>'
        )
    st.html(f'<div class="compare-gallery">{"".join(tiles)}</div>')


def _tell_confidence(side: Side, place: int) -> str:
    """The confidence; of a group its mean over the seeds that say so, and how many they are."""
    confidence = f"{100 * side.confidence[place]:.0f} %"
    if side.num_seeds == 1:
        return confidence
    title = f"{side.voters[place]} of {side.num_seeds} seeds say so, with this mean confidence"
    return f'<span title="{title}">{side.voters[place]}/{side.num_seeds} · {confidence}</span>'
