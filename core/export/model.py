"""A run's model, to take away: as ONNX, as safetensors, or as the script that trains it. No torch on this side."""

from __future__ import annotations

import json
from concurrent.futures import Future
from pathlib import PurePath
from typing import Any, Literal

from core.examine.predictions import name_classes
from core.examine.weights import ExamineError, find_weights, name_file, require_sound
from core.helper.process import call
from core.helper.questions import ExportedModel, WeightsFile
from core.runs.folder import Run
from core.runs.store import open_run
from core.spec import RunSpec
from core.system.errors import LabError

__all__ = ["ExportModelError", "ExportedModel", "export_onnx", "export_safetensors", "export_script"]

Checkpoint = Literal["best", "last"]


class ExportModelError(LabError):
    """Why a run's model cannot be taken away."""


def export_onnx(run_id: str, checkpoint: Checkpoint = "best") -> ExportedModel:
    """The network as an ONNX file that holds its own normalisation; the note tells how far it is from torch.

    Where the images are gone it is checked on noise instead, and the note says so. Takes some seconds, in the helper
    process. Raises ExportModelError.
    """
    return _ask("export_onnx", run_id, checkpoint)


def export_safetensors(run_id: str, checkpoint: Checkpoint = "best") -> ExportedModel:
    """The weights with the spec, class names, mean and std as metadata. Raises ExportModelError.

    `core.engine.export.load_safetensors` is the way back.
    """
    return _ask("export_safetensors", run_id, checkpoint)


def export_script(run_id: str) -> ExportedModel:
    """The text of a `train.py` that needs only torch and torchvision and trains the very same run.

    Works for runs in any state, as it needs no weights. Raises ExportModelError.
    """
    run = _open(run_id)
    text: str = _wait(
        call("core.export.standalone.script:write_script", path=str(run.path), spec=without_path(run.spec))
    )
    note = "It trains the run again with torch and torchvision alone; how to start it stands at its head."
    return ExportedModel(text.encode(), note)


def without_path(spec: RunSpec) -> RunSpec:
    """The spec as it may leave this machine: of an image folder only its name stays, not where it lies."""
    if spec.data.dataset != "folder":
        return spec
    name = PurePath(spec.data.folder.strip().replace("\\", "/")).name or "images"
    return spec.model_copy(update={"data": spec.data.model_copy(update={"folder": name})})


def _ask(function: str, run_id: str, checkpoint: Checkpoint) -> ExportedModel:
    run = _open(run_id)
    weights, metadata = _find(run, checkpoint)
    scale = _read_scale(run.environment())
    exported: ExportedModel = _wait(
        call(f"core.engine.export:{function}", weights=weights, metadata=metadata, recorded=scale)
    )
    return exported


def _wait(future: Future[Any]) -> Any:
    """What the helper process answers. Raises ExportModelError."""
    try:
        return future.result()
    except LabError as error:
        raise ExportModelError(str(error)) from None


def _open(run_id: str) -> Run:
    try:
        run = open_run(run_id)
        require_sound(run)
    except LabError as error:
        raise ExportModelError(str(error)) from None
    return run


def _find(run: Run, checkpoint: Checkpoint) -> tuple[WeightsFile, dict[str, str]]:
    """The weights, and what shall be noted beside them."""
    try:
        weights = find_weights(run, checkpoint)
        if weights.key != checkpoint:
            raise ExamineError(f"The run has no {checkpoint} weights.")
        file = name_file(run, weights)
    except ExamineError as error:
        raise ExportModelError(str(error)) from None
    metadata = {
        "made_by": "ResNet Lab",
        "run": run.id,
        "name": run.about.name,
        "checkpoint": checkpoint,
        "epoch": "" if weights.epoch is None else str(weights.epoch),
        "class_names": json.dumps(name_classes(run), ensure_ascii=False),
        "spec": without_path(run.spec).model_dump_json(),
    }
    return file, metadata


def _read_scale(environment: dict[str, Any]) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Mean and standard deviation of the training images as the worker noted them; older runs have none noted."""
    mean, std = environment.get("mean"), environment.get("std")
    if not (isinstance(mean, list) and isinstance(std, list) and len(mean) == len(std) == 3):
        return None
    try:
        return tuple(float(value) for value in mean), tuple(float(value) for value in std)
    except (TypeError, ValueError):
        return None
