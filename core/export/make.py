"""Makes a file of `core.export.formats`, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from core.export.formats import FORMATS, Exported, ExportError, Order, Report
from core.export.outbox import make_folder
from core.runs.records import DamagedRunError, WeightsName
from core.runs.store import open_run


def export_runs(
    run_ids: Sequence[str],
    format: str,
    checkpoint: WeightsName = "best",
    *,
    checkpoints: bool = True,
    folder: Path | None = None,
    report: Report | None = None,
) -> Exported:
    """Makes a file of one or several runs in `folder`, by default one that a browser can fetch it from.

    `checkpoint` says which weights a model has, `checkpoints` whether a run folder includes its own. Raises LabError.
    """
    wanted = FORMATS[format]
    order = Order(tuple(dict.fromkeys(run_ids)), checkpoint, checkpoints, report)
    if len(order.ids) > 1 and not wanted.several:
        raise ExportError(f"{wanted.title} takes one run at a time.")
    if len(order.ids) < wanted.least:
        raise ExportError(f"{wanted.title} takes at least {wanted.least} runs.")
    for run_id in order.ids:
        if damage := open_run(run_id).damage():
            raise DamagedRunError(f"{run_id} is damaged and cannot be exported: {damage}.")
    try:
        path = (folder or make_folder()) / wanted.name_file(order.ids, checkpoint)
        # Renamed at the end, so that nobody fetches half a file.
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            note = wanted.write(order, temporary)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ExportError(f"The file could not be written: {error.strerror or error}.") from error
    return Exported(path, wanted, note)
