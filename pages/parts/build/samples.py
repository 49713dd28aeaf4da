"""A grid of training images as the network will see them; made by a process of its own, fetched without waiting."""

from __future__ import annotations

from concurrent.futures import Future
from html import escape

import streamlit as st

from core.data.catalogue import is_ready
from core.helper.process import call
from core.system.errors import LabError
from pages.parts.build.draft import Draft
from pages.parts.frame.widgets import renew_while

COUNT = 16
POLL_SECONDS = 0.3
LAST_KEY, SEED_KEY = "build.last_samples", "build.sample_seed"


@st.cache_resource(max_entries=64, show_spinner=False)
def _request(data_and_augment: str, seed: int, _spec_json: str) -> Future[bytes]:
    return call("core.engine.preview:sample_grid", spec_json=_spec_json, count=COUNT, seed=seed)


def show_samples(draft: Draft) -> None:
    """The grid for the draft's data and augmentation; looks again by itself until it is there."""
    spec = draft.good
    with st.container(key="samples_head", horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.html('<p class="lab-title">Training images, augmented <span class="lab-muted">(originals on top)</span></p>')
        st.button(
            "Draw again", key="redraw", icon=":material/refresh:", type="tertiary", on_click=_redraw, help="Draw again"
        )
    if draft.problems_at("data"):
        # Those of the last good spec would be of another data set.
        st.html('<p class="lab-muted lab-small">The images can be shown once the data is chosen.</p>')
        return
    if not is_ready(spec.data):
        st.html('<p class="lab-muted lab-small">The images can be shown once the data set is on this machine.</p>')
        return
    seed = st.session_state.get(SEED_KEY, 0)
    relevant = spec.data.model_dump_json() + spec.augment.model_dump_json()
    future = _request(relevant, seed, spec.model_dump_json())

    def show() -> None:
        with st.container(key="samples", height="content"):
            if not future.done():
                _show_waiting()
            elif error := future.exception():
                _request.clear(relevant, seed)
                reason = str(error) if isinstance(error, LabError) else "The preview could not be made; try again."
                st.html(f'<p class="lab-muted lab-small">{escape(reason)}</p>')
            else:
                st.session_state[LAST_KEY] = future.result()
                st.image(future.result(), width="stretch")

    renew_while(lambda: not future.done(), show, POLL_SECONDS)


def _redraw() -> None:
    st.session_state[SEED_KEY] = st.session_state.get(SEED_KEY, 0) + 1


def _show_waiting() -> None:
    """The former grid, faint, or a line of text: the page does not jump while the new one is made."""
    last = st.session_state.get(LAST_KEY)
    if last is None:
        st.html('<div class="lab-waiting lab-small">Preparing sample images…</div>')
        return
    with st.container(key="samples_stale"):
        st.image(last, width="stretch")
