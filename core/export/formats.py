"""Everything that leaves the lab, in one table: what it is called, what it is for, and how it is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.system.errors import LabError

Checkpoint = Literal["best", "last"]
# Hears of bytes done and in all, where that is known.
Report = Callable[[int, int], None]


class ExportError(LabError):
    """Something cannot be taken away."""


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
