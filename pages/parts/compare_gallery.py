"""Where two runs disagree: test images that one gets right and the other wrong, with what each says and how surely."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from concurrent.futures import Future
from html import escape

import streamlit as st

from core.assistant import AssistantError, call
from core.charts import run_colour
from core.compare import ComparedRun
from core.datasets import DataError, is_ready
from core.verdicts import Disagreement, NoPredictionsError, Weights, find_disagreement
from pages.parts.compare_tabs import weights_control

PAGE_IMAGES = 24
POLL_SECONDS = 0.3
_WAITING = "compare.gallery_waits"


@st.cache_resource(max_entries=64, show_spinner=False)
def _request(run_id: str, fingerprint: str, places: tuple[int, ...], _spec_json: str) -> Future[list[bytes]]:
    return call(
        "core.engine.preview:image_strip", spec_json=_spec_json, part="test", places=places, fingerprint=fingerprint
    )


def show_gallery(runs: Sequence[ComparedRun]) -> None:
    """Two runs to choose, and the images on which they disagree, page by page."""
    if len(runs) < 2:
        st.html('<p class="lab-muted">Choose another run to compare this one with.</p>')
        return
    right, wrong, weights = _choose_pair(runs)
    if right is wrong:
        st.html('<p class="lab-muted">A run does not disagree with itself: choose two.</p>')
        return
    try:
        found = find_disagreement(right, wrong, weights)
    except NoPredictionsError as error:
        st.html(f'<p class="lab-muted">{escape(str(error))}</p>')
        return
    count = len(found.places)
    st.html(
        f'<p class="run-facts"><b>{count:,}</b> of {found.num_images:,} test images: {_name(right)} is right and '
        f'{_name(wrong)} is wrong. <span class="lab-muted">First those on which both are surest.</span></p>'
    )
    if not count:
        return
    pages = -(-count // PAGE_IMAGES)
    page = min(st.pagination(pages, key="gallery", bind="query-params"), pages) if pages > 1 else 1
    _show_images(right, wrong, found, slice((page - 1) * PAGE_IMAGES, page * PAGE_IMAGES))


def _choose_pair(runs: Sequence[ComparedRun]) -> tuple[ComparedRun, ComparedRun, Weights]:
    """The runs by their ids, which stand in the address; the baseline and the next run of another spec at first."""
    known = {run.id: run for run in runs}
    other = next((run.id for run in runs[1:] if run.recipe != runs[0].recipe), runs[1].id)
    ids = list(known)
    names = [run.name for run in runs]

    def name(run_id: str) -> str:
        run = known[run_id]
        return f"{run.name} ({run_id[-6:]})" if names.count(run.name) > 1 else run.name

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


def _name(run: ComparedRun) -> str:
    return f'<span class="compare-dot" style="background:{run_colour(run.id)}"></span> <b>{escape(run.name)}</b>'


def _show_images(right: ComparedRun, wrong: ComparedRun, found: Disagreement, shown: slice) -> None:
    if not is_ready(right.spec.data):
        _draw(right, wrong, found, shown, None)
        st.html('<p class="lab-muted lab-small">The images show once the data set is on this machine.</p>')
        return
    places = tuple(int(place) for place in found.places[shown])
    fingerprint = str(right.environment.get("data_fingerprint") or "")
    future = _request(right.id, fingerprint, places, right.spec.model_dump_json())
    st.fragment(_show_when_there, run_every=None if future.done() else POLL_SECONDS)(
        right, wrong, found, shown, future, (right.id, fingerprint, places)
    )


def _show_when_there(
    right: ComparedRun,
    wrong: ComparedRun,
    found: Disagreement,
    shown: slice,
    future: Future[list[bytes]],
    asked: tuple[str, str, tuple[int, ...]],
) -> None:
    """Words at once, the images as soon as the helper process has them."""
    waited = st.session_state.get(_WAITING, False)
    st.session_state[_WAITING] = not future.done()
    error = future.exception() if future.done() else None
    _draw(right, wrong, found, shown, future.result() if future.done() and not error else None)
    if error:
        _request.clear(*asked)
        reason = str(error) if isinstance(error, DataError | AssistantError) else "The images could not be read."
        st.html(f'<p class="lab-problem">{escape(reason)}</p>')
    if waited and future.done():
        # The whole page once more: without a timer from now on.
        st.rerun()


def _draw(
    right: ComparedRun, wrong: ComparedRun, found: Disagreement, shown: slice, pictures: Sequence[bytes] | None
) -> None:
    """One tile an image: what it is, and what each of the two says with which confidence."""
    classes = right.environment.get("class_names") or []

    def name(label: int) -> str:
        return escape(str(classes[label]) if label < len(classes) else f"class {label}")

    tiles = []
    for number, place in enumerate(found.places[shown]):
        told = "".join(
            f'<span><span class="compare-dot" style="background:{run_colour(run.id)}"></span>'
            f"{name(int(said.told[place]))}</span><span>{100 * said.sure[place]:.0f} %</span>"
            for run, said in ((right, found.right), (wrong, found.wrong))
        )
        picture = f'<img alt="" src="{_as_address(pictures[number])}">' if pictures else '<span class="empty"></span>'
        tiles.append(
            f'<figure title="Test image {int(place)}">{picture}<figcaption>'
            f'<b>{name(int(found.right.labels[place]))}</b><span class="told">{told}</span></figcaption></figure>'
        )
    st.html(f'<div class="compare-gallery">{"".join(tiles)}</div>')


def _as_address(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
