"""Exports a run's model. The helper process writes the weights: there is no torch on this side."""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
from pathlib import Path, PurePath

from core.examine.weights import explain_absent, find_weights, name_file, read_scale, require_sound
from core.export.formats import ExportError, Order
from core.export.standalone.predict import Chosen, make_predict
from core.export.standalone.reading import StandaloneError
from core.export.standalone.script import make_script
from core.helper.process import call
from core.helper.questions import Member
from core.runs.folder import Run
from core.runs.records import WeightsName
from core.runs.store import open_run
from core.spec import RunSpec
from core.system.safe_zip import date_in_zip

MAX_MEMBERS = 20


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


def write_ensemble(order: Order, path: Path) -> str:
    """Several networks as one ONNX file, from images to the mean of their probabilities. Takes some seconds."""
    runs, classes = _open_members(order)
    members = [_take(run, order.checkpoint) for run in runs]
    metadata = {
        "made_by": "ResNet Lab",
        "runs": json.dumps([run.id for run in runs]),
        "names": json.dumps([run.about.name for run in runs], ensure_ascii=False),
        "checkpoint": order.checkpoint,
        "class_names": json.dumps(classes, ensure_ascii=False),
    }
    asked = call(
        "core.engine.export_ensemble:export_ensemble", members=tuple(members), metadata=metadata, path=str(path)
    )
    note: str = asked.result()
    return note


def write_predict(order: Order, path: Path) -> str:
    """A zip of `predict.py`, which needs only torch, and a safetensors file of weights for each run."""
    from core.examine.answers import find_numbers

    runs, classes = _open_members(order)
    chosen = []
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".predict-") as folder:
        for number, run in enumerate(runs, 1):
            member, file = _take(run, order.checkpoint), Path(folder) / f"model-{number}.safetensors"
            _ask("export_safetensors", Order((run.id,), order.checkpoint), file)
            sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
            spec = without_path(run.spec)
            chosen.append(Chosen(run.id, run.about.name, order.checkpoint, spec, member, file.name, sha256))
        try:
            text = make_predict(chosen, classes, find_numbers(runs))
        except StandaloneError as error:
            raise ExportError(f"The script cannot be written: {error}") from None
        with zipfile.ZipFile(path, "w") as archive:
            moment = date_in_zip(max(run.about.created for run in runs))
            _add(archive, "predict.py", text.encode(), moment)
            for one in chosen:
                _add(archive, one.file, (Path(folder) / one.file).read_bytes(), moment)
    return "Unpack it; the first lines of predict.py say how to start it."


def _add(archive: zipfile.ZipFile, name: str, content: bytes, moment: tuple[int, int, int, int, int, int]) -> None:
    """With the run's own date, so that equal runs give equal bytes; weights hardly shrink."""
    member = zipfile.ZipInfo(f"predict/{name}", moment)
    member.external_attr = 0o644 << 16
    archive.writestr(member, content, zipfile.ZIP_DEFLATED if name.endswith(".py") else zipfile.ZIP_STORED)


def _open_members(order: Order) -> tuple[list[Run], list[str]]:
    """The runs of an ensemble, and their classes. Raises ExportError, ExamineError."""
    from core.examine.answers import require_same_classes

    if len(order.ids) > MAX_MEMBERS:
        raise ExportError(f"{len(order.ids)} runs are too many for one file: it takes at most {MAX_MEMBERS}.")
    runs = [_open(Order((run_id,))) for run_id in order.ids]
    return runs, require_same_classes(runs)


def _take(run: Run, checkpoint: WeightsName) -> Member:
    from core.examine.answers import make_member

    member, weights = make_member(run, checkpoint)
    if weights.key != checkpoint:
        raise ExportError(f"{run.about.name or run.id}: {explain_absent(run, checkpoint)}")
    return member


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
