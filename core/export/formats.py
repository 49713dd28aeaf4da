"""All export formats in one table: what each is called, what it is for, and how it is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from core.runs.records import RunNotFoundError, WeightsName
from core.runs.store import open_run
from core.system.errors import LabError

# Called with the bytes done and the total.
Report = Callable[[int, int], None]


class ExportError(LabError):
    """Something cannot be exported."""


@dataclass(frozen=True)
class Order:
    """What to write: which runs, a model with which weights, a run folder with or without its checkpoints."""

    ids: tuple[str, ...]
    checkpoint: WeightsName = "best"
    checkpoints: bool = True
    report: Report | None = None


@dataclass(frozen=True)
class Format:
    """One format: `purpose` is a sentence that says what it is good for; `several`: it takes more than one run, and
    `least` that many.

    `writer` is the `module:function` that writes an Order to a path and returns a note. It is imported when first used:
    the report brings scipy along, which not every process needs.
    """

    key: str
    title: str
    suffix: str
    mime: str
    purpose: str
    writer: str
    several: bool = False
    least: int = 1  # runs
    of_weights: bool = False
    of_spec: bool = False  # what a run of another tool does not have

    @property
    def is_of_any(self) -> bool:
        """Whether runs that other tools logged can be written so too."""
        return not (self.of_weights or self.of_spec)

    def write(self, order: Order, path: Path) -> str:
        """The note, in sentences. Raises LabError, OSError."""
        module, _, function = self.writer.partition(":")
        note: str = getattr(import_module(module), function)(order, path)
        return note

    def name_file(self, ids: Sequence[str], checkpoint: WeightsName) -> str:
        """The file's name, by that of the first run."""
        stem = _name_run(ids[0]) if len(ids) == 1 else f"{len(ids)}-runs-{_name_run(ids[0])}"
        return f"{stem}{f'-{checkpoint}' if self.of_weights else ''}{self.suffix}"


def _name_run(run_id: str) -> str:
    try:
        return open_run(run_id).file_stem
    except RunNotFoundError:
        return run_id  # whoever writes the file says so


_FORMATS = (
    Format(
        "html",
        "Report",
        ".html",
        "text/html",
        "One file that opens offline; its charts can be zoomed.",
        "core.export.report.make:write_report",
        several=True,
    ),
    Format(
        "csv",
        "Metrics as a table",
        ".csv",
        "text/csv",
        "One row an epoch, for a spreadsheet or pandas.",
        "core.export.table:write_table",
        several=True,
    ),
    Format(
        "tensorboard",
        "TensorBoard",
        ".tensorboard.zip",
        "application/zip",
        "Event files with the spec as hyperparameters: unpack them where tensorboard --logdir looks.",
        "core.export.tensorboard:write_logs",
        several=True,
    ),
    Format(
        "mlflow",
        "MLflow table",
        ".mlflow.csv",
        "text/csv",
        "One row a point, in the columns that MLflow itself writes of a metric chart.",
        "core.export.history:write_mlflow",
        several=True,
    ),
    Format(
        "wandb",
        "wandb table",
        ".wandb.csv",
        "text/csv",
        "One row a step, in the columns of run.history() of wandb.",
        "core.export.history:write_wandb",
    ),
    Format(
        "onnx",
        "ONNX",
        ".onnx",
        "application/octet-stream",
        "The network for any runtime, with its normalisation inside; checked against torch before it leaves.",
        "core.export.model:write_onnx",
        of_weights=True,
    ),
    Format(
        "safetensors",
        "safetensors",
        ".safetensors",
        "application/octet-stream",
        "The weights by name, with the spec and the class names beside them; can hold no code.",
        "core.export.model:write_safetensors",
        of_weights=True,
    ),
    Format(
        "script",
        "train.py",
        ".py",
        "text/x-python",
        "One file that trains this very run, with torch and torchvision and nothing of this lab.",
        "core.export.model:write_script",
        of_spec=True,
    ),
    Format(
        "predict",
        "predict.py",
        ".predict.zip",
        "application/zip",
        "One file that predicts images with torch alone, and the weights beside it; several runs answer by their mean.",
        "core.export.model:write_predict",
        several=True,
        of_weights=True,
    ),
    Format(
        "ensemble-onnx",
        "Ensemble as ONNX",
        ".ensemble.onnx",
        "application/octet-stream",
        "Several networks in one file: images in, the mean of their probabilities out; checked against torch.",
        "core.export.model:write_ensemble",
        several=True,
        least=2,
        of_weights=True,
    ),
    Format(
        "zip",
        "Run folder",
        ".zip",
        "application/zip",
        "All of it, to import into a lab on another machine or to keep.",
        "core.export.archive.pack:write_archive",
        several=True,
    ),
)
FORMATS = {format.key: format for format in _FORMATS}


@dataclass(frozen=True)
class Exported:
    """A file that is ready, with a note in sentences or ""."""

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
