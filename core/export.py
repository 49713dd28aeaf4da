"""Everything that leaves the lab, in one table: what it is called, what it is for, and how it is made."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.bundle import BundleError, name_archive, pack_runs
from core.csv_tables import write_metrics
from core.export_model import ExportedModel, ExportModelError, export_onnx, export_safetensors, export_script
from core.outbox import make_place
from core.report_html import make_report
from core.runs import DamagedRunError, Run, RunNotFound, RunsFolderError, open_run
from core.tensorboard import write_events

Checkpoint = Literal["best", "last"]
# Hears of bytes done and in all, where that is known.
Report = Callable[[int, int], None]


class ExportError(Exception):
    """Something cannot be taken away; the message is a sentence for its place on the page."""


@dataclass(frozen=True)
class Format:
    """One way out: `purpose` is a sentence that says what it is good for; `several`: it takes more than one run."""

    key: str
    title: str
    suffix: str
    mime: str
    purpose: str
    several: bool = False
    of_weights: bool = False


_FORMATS = (
    Format("html", "Report", ".html", "text/html", "One file that opens offline; its charts can be zoomed.", True),
    Format("csv", "Metrics as a table", ".csv", "text/csv", "One row an epoch, for a spreadsheet or pandas.", True),
    Format(
        "tensorboard",
        "TensorBoard",
        ".tensorboard.zip",
        "application/zip",
        "Event files with the spec as hyperparameters: unpack them where tensorboard --logdir looks.",
        True,
    ),
    Format(
        "onnx",
        "ONNX",
        ".onnx",
        "application/octet-stream",
        "The network for any runtime, with its normalisation inside; held against torch before it leaves.",
        of_weights=True,
    ),
    Format(
        "safetensors",
        "safetensors",
        ".safetensors",
        "application/octet-stream",
        "The weights by name, with the spec and the class names beside them; can hold no code.",
        of_weights=True,
    ),
    Format(
        "script",
        "train.py",
        ".py",
        "text/x-python",
        "One file that trains this very run, with torch and torchvision and nothing of this lab.",
    ),
    Format(
        "zip",
        "Run folder",
        ".zip",
        "application/zip",
        "All of it, to import into a lab on another machine or to keep.",
        True,
    ),
)
FORMATS = {format.key: format for format in _FORMATS}


@dataclass(frozen=True)
class Exported:
    """A file that is ready, and in words what there is to know of it."""

    path: Path
    format: Format
    note: str = ""

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def mime(self) -> str:
        return self.format.mime

    @property
    def bytes(self) -> int:
        return self.path.stat().st_size


def export_run(
    run_id: str,
    format: str,
    checkpoint: Checkpoint = "best",
    *,
    checkpoints: bool = True,
    folder: Path | None = None,
    report: Report | None = None,
) -> Exported:
    """One run as a file; see `export_runs`."""
    return export_runs([run_id], format, checkpoint, checkpoints=checkpoints, folder=folder, report=report)


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
        return Exported(path, wanted, _make(ids, wanted, checkpoint, checkpoints, path, report))
    except (RunNotFound, BundleError, ExportModelError, DamagedRunError, RunsFolderError) as error:
        raise ExportError(str(error)) from error
    except OSError as error:
        raise ExportError(f"The file could not be written: {error.strerror or error}.") from error


def name_file(ids: Sequence[str], format: Format, checkpoint: Checkpoint) -> str:
    """What the file is called; no text of a user is part of it."""
    if format.key == "zip":
        return name_archive(ids)
    stem = ids[0] if len(ids) == 1 else f"{len(ids)}-runs-{ids[0]}"
    return f"{stem}{f'-{checkpoint}' if format.of_weights else ''}{format.suffix}"


def _make(
    ids: Sequence[str],
    format: Format,
    checkpoint: Checkpoint,
    checkpoints: bool,
    path: Path,
    report: Report | None,
) -> str:
    """Writes the file aside and renames it, so that nobody fetches half of one; returns the note."""
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
