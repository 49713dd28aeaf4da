"""What is known of a set: kept from an earlier look, or looked up now by a process of its own."""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from core.data.cache import cache_folder, cache_key
from core.data.checks import explain_failure
from core.data.folder import list_images
from core.data.store import DataError
from core.data.survey import Survey, divide, find_survey, state_of
from core.data.survey_queue import SURVEYS, read_progress
from core.helper.process import call
from core.spec import DataSpec, RunSpec
from pages.parts.frame.style import show_problem
from pages.parts.frame.widgets import renew_while

_MOST_OPEN = 4
_open: OrderedDict[tuple[str, str, str, str], tuple[object, Survey]] = OrderedDict()


def load_survey(spec: DataSpec) -> Survey | None:
    """The survey; otherwise shows how far it is, or why there is none. Raises DataError."""
    if survey := _find(spec):
        return survey
    future = SURVEYS.ask(spec)
    renew_while(lambda: not future.done(), lambda: _show_progress(spec, future))
    return None


def _find(spec: DataSpec) -> Survey | None:
    """Kept open as long as the set stays as it is. Raises DataError."""
    key, state = (spec.dataset, spec.folder if spec.has_path else "", spec.folder_parts, spec.ground), state_of(spec)
    known = _open.get(key)
    if known and known[0] == state:
        return known[1]
    survey = find_survey(spec)
    if survey is None:
        _open.pop(key, None)
        if SURVEYS.ask(spec).done() and not SURVEYS.ask(spec).exception():
            SURVEYS.forget(spec)  # it was of another state of the set
        return None
    _open[key] = (state, survey)
    while len(_open) > _MOST_OPEN:
        _open.popitem(last=False)
    return survey


def look_again(spec: DataSpec) -> None:
    """Reads every file's time anew: some may have changed in place."""
    SURVEYS.forget(spec)
    _open.clear()


def _show_progress(spec: DataSpec, future: Future[None]) -> None:
    if future.done():
        if error := future.exception():
            show_problem(explain_failure(error))
            st.button("Try again", icon=":material/refresh:", type="tertiary", on_click=SURVEYS.forget, args=(spec,))
        return
    progress = read_progress(spec)
    if progress is None:
        st.progress(0.0, "Looking through the images")
        return
    share = progress.done / progress.total if progress.total else 0.0
    count = f": {progress.done:,} of {progress.total:,}" if progress.done else ""
    st.progress(min(share, 1.0), f"{progress.stage}{count}")


@st.cache_resource(max_entries=8, show_spinner=False)
def find_parts(spec_json: str, key: str, _survey: Survey, _spec: DataSpec) -> npt.NDArray[np.int8] | str:
    """As `divide`; the sentence that says why these images cannot be divided so."""
    try:
        return divide(_survey, _spec)
    except DataError as error:
        return str(error)


# Measured by the engine ---------------------------------------------------------------------------------------------


@st.cache_resource(max_entries=16, show_spinner=False)
def measure(spec_json: str, key: str, _spec: DataSpec) -> Future[Any]:
    """Fingerprint, mean and standard deviation of the training images, by the helper process."""
    return call("core.engine.preview:measure_set", spec_json=RunSpec(data=_spec).model_dump_json())


@st.cache_data(max_entries=16, show_spinner=False)
def is_decoded(spec_json: str, key: str, _spec: DataSpec) -> bool:
    """Whether the images need not be decoded for it first."""
    if _spec.dataset != "folder":
        return True
    return cache_folder(cache_key(list_images(_spec.folder, _spec.folder_parts), _spec)).is_dir()
