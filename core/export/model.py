"""Exports a run's model. The helper process writes the weights: there is no torch on this side."""

from __future__ import annotations

import json
from pathlib import Path, PurePath

from core.examine.weights import explain_absent, find_weights, name_file, read_scale, require_sound
from core.export.formats import ExportError, Order
from core.export.standalone.reading import StandaloneError
from core.export.standalone.script import make_script
from core.helper.process import call
from core.runs.folder import Run
from core.runs.store import open_run
from core.spec import RunSpec


def write_onnx(order: Order, path: Path) -> str:
    """The network as an ONNX file with its own normalisation; the note says how far it is from torch.

    If the images are gone it is checked on noise instead, and the note says so. Takes some seconds.
    """
    return _ask("export_onnx", order, path)


def write_safetensors(order: Order, path: Path) -> str:
    """The weights, with spec, class names, mean and std as metadata, for `core.engine.export.load_safetensors`."""
    return _ask("export_safetensors", order, path)


def write_script(order: Order, path: Path) -> str:
    """A `train.py` that needs only torch and torchvision and trains the same run, whatever state this one is in."""
    run = _open(order)
    try:
        # Here: it needs no torch, and the helper may still be importing it.
        text = make_script(run, without_path(run.spec))
    except StandaloneError as error:
        raise ExportError(f"The script cannot be written: {error}") from None
    path.write_text(text, encoding="utf-8", newline="")
    return "It trains the run again with torch and torchvision alone; its first lines say how to start it."


def without_path(spec: RunSpec) -> RunSpec:
    """The spec as it may leave this machine: of an image folder only its name remains, not its path."""
    if spec.data.dataset != "folder":
        return spec
    name = PurePath(spec.data.folder.strip().replace("\\", "/")).name or "images"
    return spec.model_copy(update={"data": spec.data.model_copy(update={"folder": name})})


def _ask(function: str, order: Order, path: Path) -> str:
    """Lets the helper process write the file, so that this one never holds a model; returns its note."""
    from core.examine.predictions import name_classes  # brings scipy along, which a script need not wait for

    run = _open(order)
    weights = find_weights(run, order.checkpoint)
    if weights.key != order.checkpoint:
        raise ExportError(explain_absent(run, order.checkpoint))
    metadata = {
        "made_by": "ResNet Lab",
        "run": run.id,
        "name": run.about.name,
        "checkpoint": order.checkpoint,
        "epoch": "" if weights.epoch is None else str(weights.epoch),
        "class_names": json.dumps(name_classes(run), ensure_ascii=False),
        "spec": without_path(run.spec).model_dump_json(),
    }
    if scales := run.environment().get("grey_scales"):
        metadata["grey_scales"] = json.dumps(scales)
    asked = call(
        f"core.engine.export:{function}",
        weights=name_file(run, weights),
        metadata=metadata,
        recorded=read_scale(run.environment()),
        path=str(path),
    )
    note: str = asked.result()
    return note


def _open(order: Order) -> Run:
    run = open_run(order.ids[0])
    require_sound(run)
    return run
