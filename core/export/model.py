"""A run's model, to take away. The helper process writes it: there is no torch on this side."""

from __future__ import annotations

import json
from pathlib import Path, PurePath

from core.examine.predictions import name_classes
from core.examine.weights import find_weights, name_file, require_sound
from core.export.formats import Checkpoint, ExportError, Order
from core.helper.process import call
from core.helper.questions import WeightsFile
from core.runs.folder import Run
from core.runs.records import Environment
from core.runs.store import open_run
from core.spec import RunSpec


def write_onnx(order: Order, path: Path) -> str:
    """The network as an ONNX file that holds its own normalisation; the note tells how far it is from torch.

    Where the images are gone it is checked on noise instead, and the note says so. Takes some seconds.
    """
    return _ask("export_onnx", order, path)


def write_safetensors(order: Order, path: Path) -> str:
    """The weights with the spec, class names, mean and std as metadata.

    `core.engine.export.load_safetensors` is the way back.
    """
    return _ask("export_safetensors", order, path)


def write_script(order: Order, path: Path) -> str:
    """A `train.py` that needs only torch and torchvision and trains the very same run.

    Works for runs in any state, as it needs no weights.
    """
    run = _open(order)
    asked = call("core.export.standalone.script:write_script", path=str(run.path), spec=without_path(run.spec))
    path.write_text(asked.result(), encoding="utf-8", newline="")
    return "It trains the run again with torch and torchvision alone; how to start it stands at its head."


def without_path(spec: RunSpec) -> RunSpec:
    """The spec as it may leave this machine: of an image folder only its name stays, not where it lies."""
    if spec.data.dataset != "folder":
        return spec
    name = PurePath(spec.data.folder.strip().replace("\\", "/")).name or "images"
    return spec.model_copy(update={"data": spec.data.model_copy(update={"folder": name})})


def _ask(function: str, order: Order, path: Path) -> str:
    """Lets the helper process write the file, so that this one never holds a model; returns its note."""
    run = _open(order)
    weights, metadata = _find(run, order.checkpoint)
    scale = _read_scale(run.environment())
    note: str = call(
        f"core.engine.export:{function}", weights=weights, metadata=metadata, recorded=scale, path=str(path)
    ).result()
    return note


def _open(order: Order) -> Run:
    run = open_run(order.ids[0])
    require_sound(run)
    return run


def _find(run: Run, checkpoint: Checkpoint) -> tuple[WeightsFile, dict[str, str]]:
    """The weights, and what is noted beside them."""
    weights = find_weights(run, checkpoint)
    if weights.key != checkpoint:
        raise ExportError(f"The run has no {checkpoint} weights.")
    file = name_file(run, weights)
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


def _read_scale(environment: Environment) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Mean and standard deviation of the training images as the worker noted them; older runs have none noted."""
    mean, std = environment.get("mean"), environment.get("std")
    if not (isinstance(mean, list) and isinstance(std, list) and len(mean) == len(std) == 3):
        return None
    try:
        return tuple(float(value) for value in mean), tuple(float(value) for value in std)
    except (TypeError, ValueError):
        return None
