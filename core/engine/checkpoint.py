"""A training state on disk: written whole or not at all, and read back only if its SHA-256 agrees.

The file is safetensors: tensors, and all else as JSON in the metadata; see `core/system/tensor_file.py`. Neither it nor
torch checks the tensors' bytes: most one-bit flips would load silently as other weights.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Literal

import torch
from safetensors import safe_open
from torch import Tensor

from core.system.errors import LabError
from core.system.files import sync_folder
from core.system.safe_zip import CheckpointFileError, is_zip, read_pickle
from core.system.tensor_file import FORMAT, STATE, fold, read_file, unfold

_DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


class CheckpointError(LabError):
    """A checkpoint cannot be written, read or used."""

    kind = "checkpoint"


def save(state: dict[str, Any], path: Path) -> str:
    """Writes `state` to `path` in one step and returns the file's SHA-256 in hex.

    A crash or a full disk leaves the previous file as it was. Raises CheckpointError if it cannot be written.
    """
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        try:
            sha256 = hashlib.sha256()
            with os.fdopen(handle, "wb") as file:
                for piece in _pack(state):
                    sha256.update(piece)
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            sync_folder(path.parent)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        raise CheckpointError(_describe(path, error)) from error
    return sha256.hexdigest()


def _pack(state: dict[str, Any]) -> Iterator[bytes | memoryview]:
    """The file, piece by piece: safetensors' own writer would hold a second copy of all tensors, or hash none."""
    tensors: dict[str, Tensor] = {}
    folded = fold(state, lambda value: isinstance(value, Tensor), tensors)
    header: dict[str, Any] = {"__metadata__": {STATE: json.dumps(folded, allow_nan=False, separators=(",", ":"))}}
    # The widest numbers first, as safetensors does it, so that all are aligned.
    order = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    end = 0
    for name in order:
        tensor = tensors[name]
        start, end = end, end + tensor.nbytes
        header[name] = {"dtype": _DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for name in order:
        yield tensors[name].contiguous().reshape(-1).view(torch.uint8).numpy().data


def _describe(path: Path, error: OSError) -> str:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    why = "disk full" if full else (error.strerror or str(error)).lower()
    advice = " Free some space, then resume." if full else ""
    return f"The checkpoint {path.name} could not be written: {why}.{advice}"


def load(path: Path, sha256: str) -> dict[str, Any]:
    """The state in `path`, on the CPU. Raises CheckpointError if the file is missing, damaged or no state."""
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != sha256:
                raise CheckpointError(
                    f"The checkpoint {path.name} is damaged: its SHA-256 is not the one noted when it was written."
                )
            format_, state = (1, _load_pickled(file)) if is_zip(file) else (FORMAT, _load_tensors(path))
    except CheckpointError:
        raise
    except CheckpointFileError as error:
        raise CheckpointError(f"The checkpoint {path.name} {error}.") from error
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise CheckpointError(f"The checkpoint {path.name} could not be read: {why}.") from error
    except Exception as error:  # what unpickling raises depends on the bytes
        raise CheckpointError(f"The checkpoint {path.name} holds no training state.") from error
    if not isinstance(state, dict) or state.get("format") != format_:
        raise CheckpointError(f"The checkpoint {path.name} holds no training state that this version can read.")
    known: dict[str, Any] = state
    return known


def _load_tensors(path: Path) -> Any:
    state, names = read_file(path)
    with safe_open(path, framework="pt") as opened:
        # Copies: the file may be removed, and what is mapped of it would keep its space.
        tensors = {name: opened.get_tensor(name).clone() for name in names}
    return unfold(state, tensors.pop)


def _load_pickled(file: IO[bytes]) -> Any:
    """A state of format 1, which `torch.save` wrote: nothing is unpickled but tensors, numbers, texts, lists, dicts."""
    read_pickle(file)
    file.seek(0)
    return torch.load(file, map_location="cpu", weights_only=True)


def weights_of(state: dict[str, Any], which: Literal["last", "best"] = "last") -> dict[str, torch.Tensor]:
    """The weights that were evaluated: of the "last" update (averaged, if averaging is on) or of the "best" epoch.

    Raises CheckpointError if no epoch has ended, so there is no best one.
    """
    if which == "best" and state.get("best", ...) is None:
        if state.get("last"):
            raise CheckpointError("No images were held out, so there are no weights that are best on validation.")
        raise CheckpointError("No epoch has ended yet, so there are no best weights.")
    found: dict[str, torch.Tensor]
    try:
        if which == "best":
            found = state["best"]["weights"]
        elif state["ema"] is None:
            found = state["model"]
        else:
            own = [name for name in state["ema"] if name.startswith("module.")]
            found = {name.removeprefix("module."): state["ema"][name] for name in own}
        sound = all(isinstance(value, torch.Tensor) for value in found.values())
    except (KeyError, TypeError, AttributeError):
        sound = False
    if not sound:
        raise CheckpointError("The checkpoint holds no weights.")
    return found
