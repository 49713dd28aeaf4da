"""From what a user types to a run."""

from __future__ import annotations

import os
from collections.abc import Sequence

from core.cli.output import CommandError
from core.runs.folder import Run
from core.runs.store import open_run
from core.system.folders import ID_PATTERN, runs_folder


def find_runs(wanted: Sequence[str]) -> list[Run]:
    """The runs of these ids, each once. Raises CommandError before anything is done to any of them."""
    return [open_run(run_id) for run_id in dict.fromkeys(find_run(text).id for text in wanted)]


def find_run(wanted: str) -> Run:
    """The run whose id is, begins with or ends with the text. Raises CommandError unless that is exactly one."""
    try:
        ids = sorted(name for name in os.listdir(runs_folder()) if ID_PATTERN.fullmatch(name))
    except OSError:
        ids = []
    for found in (
        [run_id for run_id in ids if run_id == wanted],
        [run_id for run_id in ids if wanted and run_id.startswith(wanted)],
        # The six random digits at the end are what one can keep in mind.
        [run_id for run_id in ids if len(wanted) >= 4 and run_id.endswith(wanted)],
    ):
        if len(found) == 1:
            return open_run(found[0])
        if found:
            shown = ", ".join(found[-5:])
            raise CommandError(f"{wanted!r} is not the id of one run: {len(found)} runs begin or end so, as {shown}.")
    raise CommandError(f"There is no run {wanted!r}; `python -m core runs --all` lists them.")
