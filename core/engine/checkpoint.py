"""A training state on disk: written whole or not at all, and read back only if its SHA-256 agrees.

torch.load does not check the file's own checksums: most one-bit flips load silently as other weights.
"""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from pathlib import Path
from typing import IO, Any, Literal

import torch

from core.system.errors import LabError
from core.system.files import sync_folder
from core.system.safe_zip import CheckpointFileError, read_pickle

FORMAT = 1  # of the training state; rises when an older one can no longer be read


class CheckpointError(LabError):
    """A checkpoint cannot be written, read or used."""

    kind = "checkpoint"


class _HashingWriter:
    """Writes to a file and hashes what it writes; keeps the error that torch.save would replace by its own."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.sha256 = hashlib.sha256()
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        try:
            return self.file.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        self.file.flush()


def save(state: dict[str, Any], path: Path) -> str:
    """Writes `state` to `path` in one step and returns the file's SHA-256 in hex.

    A crash or a full disk leaves the previous file as it was. Raises CheckpointError if it cannot be written.
    """
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        try:
            sha256 = _write(state, handle)
            os.replace(temporary, path)
            sync_folder(path.parent)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        raise CheckpointError(_describe(path, error)) from error
    return sha256


def _write(state: dict[str, Any], handle: int) -> str:
    """Writes and returns the SHA-256. Raises OSError."""
    with os.fdopen(handle, "wb") as file:
        writer = _HashingWriter(file)
        try:
            torch.save(state, writer)  # type: ignore[arg-type]  # it only writes and flushes
        except RuntimeError as error:
            # On a full disk torch's zip writer fails with "unexpected pos"; the cause is the write before it.
            if writer.error is None and "unexpected pos" not in str(error):
                raise
            raise (writer.error or OSError(errno.ENOSPC, "disk full")) from error
        file.flush()
        os.fsync(file.fileno())
    return writer.sha256.hexdigest()


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
            read_pickle(file)
            file.seek(0)
            state: Any = torch.load(file, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    except CheckpointFileError as error:
        raise CheckpointError(f"The checkpoint {path.name} {error}.") from error
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise CheckpointError(f"The checkpoint {path.name} could not be read: {why}.") from error
    except Exception as error:  # what unpickling raises depends on the bytes
        raise CheckpointError(f"The checkpoint {path.name} holds no training state.") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise CheckpointError(f"The checkpoint {path.name} holds no training state that this version can read.")
    known: dict[str, Any] = state
    return known


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
