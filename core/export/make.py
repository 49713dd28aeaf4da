"""How each file of `core.export.formats` is made."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from core.export.archive.pack import name_archive, pack_runs
from core.export.formats import FORMATS, Checkpoint, Exported, ExportError, Format, Report
from core.export.model import export_onnx, export_safetensors, export_script
from core.export.outbox import make_place
from core.export.report.make import make_report
from core.export.tensorboard import write_events
from core.helper.questions import ExportedModel
from core.runs.folder import Run
from core.runs.store import open_run
from core.runs.tables import write_metrics
from core.system.errors import LabError


def make_file(
    ids: Sequence[str],
    format: Format,
    checkpoint: Checkpoint,
    checkpoints: bool,
    path: Path,
    report: Report | None,
) -> str:
    """Writes the file aside and renames it, so that nobody fetches half of one; returns the note.

    Raises LabError.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        match format.key:
            case "zip":
                with open(aside, "wb") as file:
                    note = " ".join(pack_runs(ids, file, checkpoints=checkpoints, report=report))
            case "tensorboard":
                runs = _with_epochs(ids)
                with open(aside, "wb") as file:
                    write_events(runs, file)
                note = "" if len(runs) == len(ids) else f"{len(ids) - len(runs)} without an epoch are left out."
            case "csv":
                aside.write_text(write_metrics(_with_epochs(ids)), encoding="utf-8", newline="")
                note = ""
            case "html":
                aside.write_bytes(make_report(ids))
                note = ""
            case _:
                model = _export_model(ids[0], format.key, checkpoint)
                aside.write_bytes(model.content)
                note = model.note
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    return note


def _export_model(run_id: str, format: str, checkpoint: Checkpoint) -> ExportedModel:
    match format:
        case "onnx":
            return export_onnx(run_id, checkpoint)
        case "safetensors":
            return export_safetensors(run_id, checkpoint)
    return export_script(run_id)


def _with_epochs(ids: Sequence[str]) -> list[Run]:
    runs = [run for run in map(open_run, ids) if run.rows()]
    if not runs:
        raise ExportError("No epoch has ended yet, so there are no curves to take away.")
    for run in runs:
        _ = run.spec  # a damaged run says so
    return runs


def export_runs(
    run_ids: Sequence[str],
    format: str,
    checkpoint: Checkpoint = "best",
    *,
    checkpoints: bool = True,
    folder: Path | None = None,
    report: Report | None = None,
) -> Exported:
    """Makes a file of one or several runs in `folder`, by default a place that a browser can fetch it from.

    `checkpoint` says which weights a model leaves with, `checkpoints` whether a run folder takes its own along. Raises
    ExportError.
    """
    wanted = FORMATS[format]
    ids = list(dict.fromkeys(run_ids))
    if len(ids) > 1 and not wanted.several:
        raise ExportError(f"{wanted.title} takes one run at a time.")
    try:
        place = folder or make_place()
        path = place / name_file(ids, wanted, checkpoint)
        return Exported(path, wanted, make_file(ids, wanted, checkpoint, checkpoints, path, report))
    except LabError as error:
        raise ExportError(str(error)) from error
    except OSError as error:
        raise ExportError(f"The file could not be written: {error.strerror or error}.") from error


def name_file(ids: Sequence[str], format: Format, checkpoint: Checkpoint) -> str:
    """What the file is called; no text of a user is part of it."""
    if format.key == "zip":
        return name_archive(ids)
    stem = ids[0] if len(ids) == 1 else f"{len(ids)}-runs-{ids[0]}"
    return f"{stem}{f'-{checkpoint}' if format.of_weights else ''}{format.suffix}"
