"""What is suspect about the images of a folder, below its field: looked through by a process of its own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from html import escape

import streamlit as st

from core.data.checks import CHECKS, Report, explain_failure, list_remarks, sum_up
from core.data.folder import FolderStatus, inspect_folder
from core.data.store import DataError
from core.spec import DataSpec
from core.text.formats import format_seconds
from pages.parts.build.draft import Draft
from pages.parts.frame.style import show_problem
from pages.parts.frame.widgets import renew_while

MOST_LISTED = 200


def show_checks(draft: Draft) -> None:
    """What a look through the images found; a large folder is only decoded when asked to."""
    spec = draft.good.data
    if spec.dataset != "folder" or draft.values["data"]["dataset"] != "folder" or draft.problems_at("data"):
        return
    try:
        status = inspect_folder(spec.folder, spec.folder_parts)
    except DataError:
        return
    renew_while(lambda: not _find(spec, status)[0].done(), lambda: _show(spec, status))


def _find(spec: DataSpec, status: FolderStatus) -> tuple[Future[Report], float]:
    return CHECKS.look(spec, status, decode=CHECKS.has_asked(spec, status))


def _show(spec: DataSpec, status: FolderStatus) -> None:
    future, since = _find(spec, status)
    with st.container(key="data_checks", gap="xsmall"):
        if not future.done():
            # There is one look at a time, whoever asks.
            doing = (
                "Looking through the images" if future.running() else "Waiting: other images are looked through first"
            )
            seconds = format_seconds(time.monotonic() - since)
            st.html(f'<p class="lab-small lab-muted" role="status">{doing} ({seconds})</p>')
        elif error := future.exception():
            show_problem(explain_failure(error))
            _offer_again(spec, status)
        else:
            _show_report(future.result(), spec, status)


def _show_report(report: Report, spec: DataSpec, status: FolderStatus) -> None:
    for number, remark in enumerate(list_remarks(report, spec)):
        if remark.refuses:
            show_problem(remark.sentence)
        else:
            st.html(f'<p class="lab-small" style="color:var(--lab-warn);margin:0">{escape(remark.sentence)}</p>')
        if remark.images:
            with st.expander(f"Show {len(remark.images):,}", key=f"suspects_{number}", type="compact"):
                _list(remark.images)
    if not (report.has_near or report.refusal or CHECKS.has_asked(spec, status)):
        st.button(
            "Check the images",
            key="check_images",
            icon=":material/fact_check:",
            on_click=_ask,
            args=(spec, status),
            help="Decodes all images once, which the first start needs too, and tells damaged, nearly constant and "
            "repeated ones.",
        )
    if not report.is_decoded:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html(f'<p class="lab-small lab-muted">{escape(sum_up(report))}</p>')
        _offer_again(spec, status)


def _ask(spec: DataSpec, status: FolderStatus) -> None:
    CHECKS.look(spec, status, decode=True)


def _list(images: Sequence[str]) -> None:
    lines = [*images[:MOST_LISTED], *([f"and {len(images) - MOST_LISTED:,} more"] if len(images) > MOST_LISTED else [])]
    st.html(f'<pre class="lab-small">{escape(chr(10).join(lines))}</pre>')


def _offer_again(spec: DataSpec, status: FolderStatus) -> None:
    st.button(
        "Check again",
        key="check_again",
        icon=":material/refresh:",
        type="tertiary",
        on_click=CHECKS.forget,
        args=(spec, status),
        help="Looks again: files may have changed in place.",
    )
