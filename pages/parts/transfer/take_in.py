"""Import: an archive is dropped, checked in the background, and its runs are in the table at once."""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape

import streamlit as st

from core.export.archive.unpack import Imported, import_runs
from pages.parts.frame.style import show_problem
from pages.parts.frame.widgets import renew_while
from pages.parts.transfer.jobs import Job
from server.sign_in import current_address

# Streamlit holds an upload in memory; the command line reads from the disk, whatever the size.
MAX_MEGABYTES = 200
_JOB, _COUNT, _OUTCOME = "take_in.job", "take_in.count", "take_in.outcome"


def show_import() -> None:
    """The upload of archives, in a popover."""
    with st.popover("Import", icon=":material/upload_file:", key="take_in"), st.container(width=380):
        renew_while(_is_busy, _show_upload)


def _is_busy() -> bool:
    job: Job[list[Imported]] | None = st.session_state.get(_JOB)
    return job is not None and not job.is_over()


def _upload_key() -> str:
    """A new one after every archive, so that the memory of the last is freed."""
    return f"take_in.upload.{st.session_state.get(_COUNT, 0)}"


def _begin() -> None:
    content: io.BytesIO | None = st.session_state[_upload_key()]
    if content is None:
        return
    person = current_address()  # unknown in the job's thread
    st.session_state[_OUTCOME] = ("", [])
    st.session_state[_JOB] = Job(lambda report: import_runs(content, report, started_by=person))


def _show_upload() -> None:
    job: Job[list[Imported]] | None = st.session_state.get(_JOB)
    if job is not None and job.is_over():
        del st.session_state[_JOB]
        st.session_state[_COUNT] = st.session_state.get(_COUNT, 0) + 1
        taken, problem = job.answer()
        st.session_state[_OUTCOME] = (problem, taken or [])
        st.rerun()
    st.file_uploader(
        "Run folders as a zip",
        "zip",
        key=_upload_key(),
        on_change=_begin,
        max_upload_size=MAX_MEGABYTES,
        disabled=bool(job),
    )
    st.caption(
        f"Archives made by Take away, here or on another machine. At most {MAX_MEGABYTES} MB; larger ones with "
        "`python -m core import FILE`."
    )
    if job:
        share = job.done / job.total if job.total else 0.0
        st.progress(share, f"Checking and unpacking, {job.describe()}")
    problem, taken = st.session_state.get(_OUTCOME, ("", []))
    if problem:
        show_problem(f"Nothing was imported. {problem}")
    _show_taken(taken)


def _show_taken(taken: Sequence[Imported]) -> None:
    lines = "".join(f'<li><a href="run?id={run.id}">{escape(run.name)}</a> {_tell(run)}</li>' for run in taken)
    if lines:
        st.html(f'<ul class="lab-small" style="margin:0;padding-left:1.1rem">{lines}</ul>')


def _tell(run: Imported) -> str:
    match run.outcome:
        case "here":
            return "is already here"
        case "copy":
            return f"got a new id, as its own was taken; {run.state}"
    return f"is imported; {run.state}"
