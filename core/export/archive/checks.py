"""Checks a run folder from elsewhere before it is imported: files of the right kind that no page fails on.

Nothing is unpickled here. Of a checkpoint the header is read, which must fit the file. An older one's pickle is read
instruction by instruction, and only what a training state needs is accepted; loading it later still uses torch's
`weights_only`, which refuses all else.
"""

from __future__ import annotations

import json
import math
import pickletools
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, Field, create_model

from core.export.archive.pack import CHECKPOINT_NAME, BundleError
from core.runs import layout, robustness, shapes
from core.runs.branches import ROOTS, read_branch
from core.runs.folder import Run
from core.runs.records import COLUMNS, About, CheckpointEntry
from core.runs.series import read_series
from core.spec import RunSpec
from core.spec.parse import MAX_SPEC_BYTES, SpecError, parse_spec
from core.spec.train import MAX_EPOCHS
from core.system import files
from core.system.safe_zip import CheckpointFileError, is_zip, read_pickle
from core.system.tensor_file import check_file
from core.text.formats import format_bytes

MAX_JSON_BYTES = 4_000_000
MAX_LINE_BYTES = 64_000
MAX_DEPTH = 20
MAX_CHECKPOINTS = 1000  # of one run
_MANIFEST = f"{layout.CHECKPOINTS}/{layout.MANIFEST}"


_NEEDED = {"name", "epoch", "bytes", "sha256", "kind"}
_ENTRY: Any = shapes.model_of(CheckpointEntry, _NEEDED, nullable=False, extra="forbid")
_CHECKPOINTS = create_model(
    "CheckpointList", checkpoints=(Annotated[list[_ENTRY], Field(max_length=MAX_CHECKPOINTS)], ...)
)


def check_run(folder: Path, sha256: dict[str, str], started_by: str) -> None:
    """Checks a run folder whose files, with these hashes, are those of its manifest.

    Raises BundleError with a sentence that names the file.
    """
    is_foreign = (folder / layout.FOREIGN).exists()
    spec = None if is_foreign else _check_spec(folder / layout.SPEC)
    _check_about(folder / layout.ABOUT, started_by)
    for path in folder.glob("environment*.json"):
        _check_json(path, shapes.ENVIRONMENT)
    _check_json(folder / layout.PROGRESS, shapes.PROGRESS)
    _check_json(folder / layout.END, shapes.END)
    _check_json(folder / layout.ROBUSTNESS, robustness.RECORD)
    if spec is None:
        _check_foreign(folder, sha256)
    else:
        # Where no images were held out there are no figures of them.
        held = COLUMNS if Run(folder).has_validation else [name for name in COLUMNS if not name.startswith("val/")]
        _check_metrics(folder / layout.METRICS, spec.train.epochs, held)
        for notes in (Run(folder).steps(), Run(folder).use()):
            if notes.fault:
                raise BundleError(f"{notes.fault}.")
        for path in (folder / layout.PREDICTIONS).glob("*.npy"):
            _check_array(path, spec.data.num_classes)
        _check_checkpoints(folder, sha256)
        _check_root(folder, sha256)
    if damage := Run(folder).damage():
        raise BundleError(f"{damage}.")


# JSON ---------------------------------------------------------------------------------------------------------------


def _read_file(path: Path, name: str = "") -> dict[str, Any]:
    with open(path, "rb") as file:
        return read_strict(file.read(MAX_JSON_BYTES + 1), name or path.name)


def read_strict(content: bytes, name: str) -> dict[str, Any]:
    """A JSON object without NaN, infinity, endless nesting or numbers that no machine has. Raises BundleError."""
    if len(content) > MAX_JSON_BYTES:
        raise BundleError(f"{name} is larger than {MAX_JSON_BYTES // 1_000_000} MB.")
    try:
        value = json.loads(content, parse_constant=_refuse)
        _require_plain(value)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{name} is no strict JSON: {error}.") from error
    if not isinstance(value, dict):
        raise BundleError(f"{name} holds no JSON object.")
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not allowed")


def _require_plain(value: Any, depth: int = 0) -> None:
    if depth > MAX_DEPTH:
        raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, str) and not files.is_storable(value):
        raise ValueError("a text holds half a character (a lone surrogate)")
    if isinstance(value, list):
        for inner in value:
            _require_plain(inner, depth + 1)
    # `1e999` is read as infinity. A loss that diverged may be as large as a float gets, a count may not.
    elif isinstance(value, int | float) and not abs(value) < _largest(value):
        raise ValueError("a number is too large")


def _largest(value: float) -> float:
    return math.inf if isinstance(value, float) else shapes.MAX_NUMBER


def check_shape(model: type[BaseModel], value: dict[str, Any], name: str) -> None:
    """Raises BundleError that names the field."""
    if fault := shapes.find_fault(model, value):
        raise BundleError(f"{name}: {fault}.")


def _check_json(path: Path, model: type[BaseModel]) -> None:
    if path.exists():
        check_shape(model, _read_file(path), path.name)


def _check_spec(path: Path) -> RunSpec:
    if not path.exists():
        raise BundleError("spec.json is missing: this is no whole run.")
    if path.stat().st_size > MAX_SPEC_BYTES:
        raise BundleError(f"spec.json is larger than {format_bytes(MAX_SPEC_BYTES)}.")
    try:
        return parse_spec(path.read_bytes())
    except (SpecError, UnicodeDecodeError) as error:
        raise BundleError(f"spec.json: {str(error).rstrip('.')}.") from error


def _check_about(path: Path, started_by: str) -> None:
    """What people say about the run. Its priority in a queue means nothing here, nor who is said to have started it."""
    if not path.exists():
        raise BundleError("about.json is missing: this is no whole run.")
    _read_file(path)
    try:
        about = About.read(path)
    except files.DamagedFileError as error:
        raise BundleError(f"{error}.") from error
    About(**{**vars(about), "priority": 0, "started_by": started_by}).write(path)


def _check_foreign(folder: Path, sha256: dict[str, str]) -> None:
    """A run of another tool: a record and series, and nothing that only a run of a lab has."""
    _check_json(folder / layout.FOREIGN, shapes.FOREIGN)
    if strange := [name for name in sha256 if name in (layout.SPEC, layout.BRANCH, *ROOTS) or "/" in name]:
        raise BundleError(f"{strange[0]} belongs to no run that another tool logged.")
    _check_metrics(folder / layout.METRICS, MAX_EPOCHS, columns=("epoch",))
    if fault := read_series(folder / layout.SERIES).fault:
        raise BundleError(f"{fault}.")


# Figures and predictions --------------------------------------------------------------------------------------------


def _check_metrics(path: Path, epochs: int, columns: Sequence[str] = COLUMNS) -> None:
    """One line per epoch, each with all columns."""
    if not path.exists():
        return
    with open(path, "rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES), b""), start=1):
            name = f"metrics.jsonl, line {number}"
            if not line.endswith(b"\n") or number > epochs:
                raise BundleError(f"{name}: there is more than the run's {epochs:,} epochs can have written.")
            _check_row(read_strict(line, name), number, name, columns)


def _check_row(row: dict[str, Any], epoch: int, name: str, columns: Sequence[str]) -> None:
    if missing := [column for column in columns if column not in row]:
        raise BundleError(f"{name}: {missing[0]} is missing.")
    if row["epoch"] != epoch:
        raise BundleError(f"{name}: epoch must be {epoch}.")
    if fault := shapes.find_row_fault(row):
        raise BundleError(f"{name}: {fault}.")
    if long := [key for key in row if len(key) > 100]:
        raise BundleError(f"{name}: {long[0][:100]} is too long a name.")


def _check_array(path: Path, classes: int) -> None:
    """Logits (images, classes), of older versions in float16, or labels (images,) int64; no objects in it."""
    labels = path.stem.endswith("_labels")
    try:
        with open(path, "rb") as file:
            if np.lib.format.read_magic(file) != (1, 0):
                raise ValueError("it is of another version of numpy's format")
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
            rest = path.stat().st_size - file.tell()
    except (ValueError, OSError, SyntaxError) as error:
        raise BundleError(f"{path.name} is no array that can be read: {str(error).splitlines()[0][:200]}.") from error
    wanted = ("int64",) if labels else ("float32", "float16")
    fits = shape[1:] == () if labels else shape[1:] == (classes,)
    if dtype not in map(np.dtype, wanted) or not fits or len(shape) != (1 if labels else 2) or fortran:
        what = "labels (images,) int64" if labels else f"logits (images, {classes}) {' or '.join(wanted)}"
        raise BundleError(f"{path.name} must hold {what}, not {shape} {dtype}.")
    if math.prod(shape) * dtype.itemsize != rest:
        raise BundleError(f"{path.name} is not as long as its header says.")


# Checkpoints --------------------------------------------------------------------------------------------------------


def _check_checkpoints(folder: Path, sha256: dict[str, str]) -> None:
    """Every checkpoint is listed with the hash it has, and holds a training state and nothing else."""
    there = {name for name in sha256 if CHECKPOINT_NAME.fullmatch(name)}
    path = folder / _MANIFEST
    if not path.exists():
        if there:
            raise BundleError(f"{_MANIFEST} is missing.")
        return
    manifest = _read_file(path, _MANIFEST)
    check_shape(_CHECKPOINTS, manifest, _MANIFEST)
    if sorted(f"{layout.CHECKPOINTS}/{entry['name']}" for entry in manifest["checkpoints"]) != sorted(there):
        raise BundleError(f"{_MANIFEST} names other checkpoints than there are.")
    for entry in manifest["checkpoints"]:
        name = f"{layout.CHECKPOINTS}/{entry['name']}"
        if sha256[name] != entry["sha256"] or (folder / name).stat().st_size != entry["bytes"]:
            raise BundleError(f"{entry['name']} is not the checkpoint that was written: its SHA-256 differs.")
        check_checkpoint(folder / name)


def _check_root(folder: Path, sha256: dict[str, str]) -> None:
    """A branch's root is the checkpoint that its record names."""
    path = folder / layout.BRANCH
    if path.exists():
        check_shape(shapes.BRANCH, _read_file(path), layout.BRANCH)
    for name in sha256.keys() & set(ROOTS):
        record = read_branch(folder)
        if record is None or sha256[name] != record["sha256"]:
            raise BundleError(f"{name} is not the checkpoint that {layout.BRANCH} names.")
        check_checkpoint(folder / name)


# What `torch.save` wrote of a training state of format 1: dicts, lists, numbers, texts and tensors.
_STORAGES = ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Byte", "Char", "Bool")
_GLOBALS = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    *(f"torch {kind}Storage" for kind in _STORAGES),
}
_OPCODES = {
    *("PROTO", "STOP", "MARK", "GLOBAL", "REDUCE", "BINPERSID", "BINGET", "LONG_BINGET", "BINPUT", "LONG_BINPUT"),
    *("NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE"),
    *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "APPEND", "APPENDS"),
    *("EMPTY_DICT", "SETITEM", "SETITEMS"),
}


def check_checkpoint(path: Path) -> None:
    """Raises BundleError unless the file is safetensors with a training state, or a plain archive of torch's."""
    name = path.name
    try:
        with open(path, "rb") as file:
            content = read_pickle(file) if is_zip(file) else None
        if content is None:
            check_file(path)
        else:
            _check_pickle(content, name)
    except CheckpointFileError as error:
        raise BundleError(f"{name} {error}.") from error
    except (ValueError, IndexError, UnicodeDecodeError) as error:
        raise BundleError(f"{name} holds no training state.") from error


def _check_pickle(content: bytes, name: str) -> None:
    """Raises BundleError for a pickle that calls anything but tensors; reads its instructions, and follows none."""
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name not in _OPCODES:
            raise BundleError(f"{name} is refused: its pickle uses {opcode.name}, as no checkpoint of ours does.")
        if opcode.name == "GLOBAL" and argument not in _GLOBALS:
            asked = ".".join(str(argument).split(" "))[:80]
            raise BundleError(f"{name} is refused: loading it would call {asked!r}.")
