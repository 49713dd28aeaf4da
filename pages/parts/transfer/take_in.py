"""Import: files are dropped and read in the background; what was found is shown, see `preview.py`, and nothing kept."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Literal

import streamlit as st

from core.export.bring_in import Brought, bring_in
from core.imports.staging import Upload
from core.imports.table import TableColumns
from core.imports.values import ImportFilesError
from core.text.formats import format_bytes
from pages.parts.frame.style import show_problem
from pages.parts.frame.widgets import renew_while
from pages.parts.transfer.jobs import Job, Report
from pages.parts.transfer.preview import Preview, drop_preview, open_preview, show_preview

# Streamlit holds an upload in memory; the command line reads from the disk, whatever the size.
MAX_MEGABYTES = 200
MAX_BYTES = 2_000_000 * MAX_MEGABYTES  # of all files together
_JOB, _COUNT, _PROBLEM, _FILES = "take_in.job", "take_in.count", "take_in.problem", "take_in.files"


def show_import(width: Literal["content", "stretch"] = "content") -> None:
    """The upload of files, in a popover."""
    with st.popover("Import", icon=":material/upload_file:", key="take_in", width=width), st.container(width=380):
        renew_while(_is_busy, _show_upload)


def show_found() -> None:
    """What was found in the files, and what became of it."""
    if _JOB not in st.session_state:
        show_preview(_read)


def _is_busy() -> bool:
    job: Job[Brought] | None = st.session_state.get(_JOB)
    return job is not None and not job.is_over()


def _upload_key() -> str:
    """A new one after every import, so that the memory of the last is freed."""
    return f"take_in.upload.{st.session_state.get(_COUNT, 0)}"


def _begin() -> None:
    dropped: Sequence[io.BytesIO] = st.session_state[_upload_key()]
    if dropped:
        _read([(str(getattr(file, "name", "file")), file) for file in dropped], None)


def _read(uploads: list[Upload], columns: TableColumns | None) -> None:
    def work(report: Report) -> Brought:
        size = sum(content.seek(0, io.SEEK_END) for _, content in uploads)
        if size > MAX_BYTES:
            at_most = f"at most {format_bytes(MAX_BYTES)} at once"
            raise ImportFilesError(f"Together they have {format_bytes(size)}; {at_most}.")
        return bring_in(uploads, report, columns=columns, dry=True)

    st.session_state[_PROBLEM] = ""
    drop_preview()
    st.session_state[_FILES] = (uploads, columns)
    st.session_state[_JOB] = Job(work)


def _finish(job: Job[Brought]) -> None:
    """Takes over what a job has read."""
    del st.session_state[_JOB]
    st.session_state[_COUNT] = st.session_state.get(_COUNT, 0) + 1
    uploads, columns = st.session_state.pop(_FILES)
    brought, problem = job.answer()
    st.session_state[_PROBLEM] = problem
    if brought:
        open_preview(Preview(brought, uploads, columns))


def _show_upload() -> None:
    job: Job[Brought] | None = st.session_state.get(_JOB)
    if job is not None and job.is_over():
        _finish(job)
        st.rerun()
    st.file_uploader(
        "Runs of this lab or of another tool",
        accept_multiple_files=True,
        key=_upload_key(),
        on_change=_begin,
        max_upload_size=MAX_MEGABYTES,
        disabled=bool(job),
    )
    st.caption(
        "Zips made by Take away; files, or a zip of a folder, of TensorBoard, Weights & Biases, MLflow, Trackio, "
        f"DVCLive, SwanLab or ClearML; tables as CSV. At most {MAX_MEGABYTES} MB a file; larger ones with "
        "`python -m core import PATH`."
    )
    if job:
        share = job.done / job.total if job.total else 0.0
        st.progress(share, f"Reading, {job.describe()}")
    if problem := st.session_state.get(_PROBLEM):
        show_problem(f"Nothing was imported. {problem}")
