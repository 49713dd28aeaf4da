"""From a run's page to a branch of it, which is shaped on Build."""

from __future__ import annotations

import streamlit as st

from core.launch.branches import find_fork
from core.runs.folder import Run
from core.runs.records import CheckpointFile
from core.system.errors import LabError
from pages.parts.frame.failure import tell
from pages.parts.run.actions import keep_problems


def open_branch(run: Run, epoch: int | None = None) -> None:
    """Opens Build with a branch after this epoch, or the newest kept one; or says why there is none."""
    try:
        fork = find_fork(run.id, epoch)
    except (LabError, OSError) as error:
        keep_problems([tell(error)])
        st.rerun()
    st.switch_page("build.py", query_params={"branch": f"{run.id}@{fork.epoch}"})


def show_branch_button(run: Run, file: CheckpointFile) -> None:
    """Beside a checkpoint; one from within an epoch has none, as branches begin at the end of one."""
    if file.ends_epoch and st.button(
        f"Branch from epoch {file.epoch}", icon=":material/fork_right:", key=f"branch.{file.name}"
    ):
        open_branch(run, file.epoch)
