"""The offer to download a data set that is not on this machine, and its progress."""

from __future__ import annotations

import streamlit as st

from core.data.catalogue import DatasetStatus
from core.data.downloads import DownloadProgress, delete_dataset, read_download, start_download
from core.system.errors import LabError
from core.text.formats import format_bytes
from pages.parts.frame.style import show_problem
from pages.parts.frame.widgets import renew_while


def show_download(dataset: DatasetStatus) -> None:
    """A button that fetches it; the page is shown anew once it is there."""

    def is_running() -> bool:
        return (progress := read_download(dataset.name)) is not None and progress.state == "running"

    with st.container(key="download_row", gap="xsmall"):
        renew_while(is_running, lambda: _show_progress(dataset), 1.0)


def _show_progress(dataset: DatasetStatus) -> None:
    progress = read_download(dataset.name)
    if progress and progress.state == "done":
        st.rerun()
    if progress and progress.state == "running":
        share = progress.done / progress.total if progress.total else 0.0
        done = f"{format_bytes(progress.done)} of {format_bytes(progress.total)}"
        st.progress(min(share, 1.0), f"Downloading {dataset.title}: {done}")
        return
    if progress and progress.state == "failed":
        show_problem(progress.error)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(f'<span class="lab-small">{dataset.title} is not on this machine yet.</span>')
        label = name_action(dataset, progress)
        if st.button(label, key="download", type="primary", icon=":material/download:"):
            start_download(dataset.name)
            st.rerun()
        if has_part(progress) and st.button("Discard", key="discard", type="tertiary", icon=":material/delete:"):
            try:
                delete_dataset(dataset.name)
            except LabError as error:  # another window downloads it
                show_problem(str(error))
                return
            st.rerun()


def has_part(progress: DownloadProgress | None) -> bool:
    """Whether a download broke of which something is kept."""
    return progress is not None and progress.state == "failed" and progress.done > 0


def name_action(dataset: DatasetStatus, progress: DownloadProgress | None) -> str:
    """`Download (170 MB)`, or `Go on (85.0 MB left)` where a part is here already."""
    if progress is None or not has_part(progress):
        return f"Download ({format_bytes(dataset.download_bytes)})"
    return f"Go on ({format_bytes(dataset.download_bytes - progress.done)} left)"
