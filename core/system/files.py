"""Files that are old or new, never half written, and JSON that every reader accepts."""

from __future__ import annotations

import json
import math
import os
import stat
import threading
from pathlib import Path

from core.system.errors import LabError
from core.system.names import readable

TYPE_CHECKING = False  # Waiting workers import this module: `typing` would cost each of them memory.
if TYPE_CHECKING:
    from typing import Any, BinaryIO


_INFINITIES = {math.inf: "Infinity", -math.inf: "-Infinity"}
MAX_JSON_BYTES = 64_000_000  # far more than any that the lab writes


class DamagedFileError(LabError):
    """A file that does not hold what it should; the message is a sentence that names it."""


def is_storable(text: str) -> bool:
    """Whether text can be written as UTF-8: half a character (a lone surrogate) cannot, nor be sent to a browser."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def to_strict(value: dict[str, Any]) -> dict[str, Any]:
    """A copy with NaN and infinity as null, and their paths listed under `not_finite`: JSON knows neither.

    An infinity is listed a second time with its sign, as in "val/loss = -Infinity"; `read_not_finite` reads both.
    Names of files that are no UTF-8 become text that is.
    """
    lost: list[str] = []
    strict: dict[str, Any] = _clean(value, "", lost)
    return {**strict, "not_finite": lost} if lost else strict


def _clean(value: Any, path: str, lost: list[str]) -> Any:
    if isinstance(value, dict):
        texts = {readable(str(key)): inner for key, inner in value.items()}
        return {key: _clean(inner, f"{path}.{key}" if path else key, lost) for key, inner in texts.items()}
    if isinstance(value, list | tuple):
        return [_clean(inner, f"{path}[{index}]", lost) for index, inner in enumerate(value)]
    if isinstance(value, str):
        return readable(value)
    if hasattr(value, "item"):  # a number of numpy's
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        lost.append(path)
        if not math.isnan(value):
            lost.append(f"{path} = {_INFINITIES[value]}")
        return None
    return value


def read_not_finite(record: dict[str, Any]) -> dict[str, float]:
    """By its path every value of a record that was not finite; NaN too where an older version kept no sign."""
    named = record.get("not_finite")
    names = [name for name in named if isinstance(name, str)] if isinstance(named, list) else []
    found: dict[str, float] = {}
    for name in names:
        path, _, word = name.rpartition(" = ")
        infinity = next((each for each, spelled in _INFINITIES.items() if spelled == word), None)
        # Its path came just before it.
        found |= {name: math.nan} if infinity is None or path not in found else {path: infinity}
    return found


def to_line(value: dict[str, Any]) -> bytes:
    """One line of a JSON-lines file."""
    return json.dumps(to_strict(value), allow_nan=False, ensure_ascii=False).encode() + b"\n"


def to_text(value: dict[str, Any]) -> bytes:
    """What a JSON file holds."""
    return json.dumps(to_strict(value), allow_nan=False, ensure_ascii=False, indent=1).encode() + b"\n"


def write_json(path: Path, value: dict[str, Any], *, sync: bool = True) -> None:
    """Writes a JSON file in one step; with `sync` it is on the disk when this returns."""
    write_bytes(path, to_text(value), sync=sync)


def write_bytes(path: Path, content: bytes, *, sync: bool = True, mode: int = 0o666) -> None:
    """Writes a file in one step: a temporary file is renamed over the old one. `mode` is narrowed by the umask."""
    # The ids keep two writers apart; the leading dot hides a leftover of a power cut from every reader.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        with open(temporary, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(content)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if sync:
        sync_folder(path.parent)


def set_aside(path: Path) -> None:
    """Renames a file that the next of its name would write over: note-1.json, note-2.json and so on."""
    number = 1
    while (numbered := path.with_name(f"{path.stem}-{number}{path.suffix}")).exists():
        number += 1
    if path.exists():
        os.rename(path, numbered)


def sync_folder(folder: Path) -> None:
    """Makes renames in the folder survive a power failure."""
    if os.name == "nt":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def read_constant(name: str) -> None:
    """Reads NaN and Infinity, as other programs write them, as null."""


def open_regular(path: Path, limit: int | None = None) -> BinaryIO:
    """A file to read that keeps no reader waiting, as a pipe would. Raises OSError, DamagedFileError."""
    flags = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = open(path, "rb", opener=lambda name, mode: os.open(name, mode | flags))  # noqa: SIM115
    found = os.fstat(file.fileno())
    try:
        if not stat.S_ISREG(found.st_mode):
            raise DamagedFileError(f"{path.name} is no regular file")
        if limit is not None and found.st_size > limit:
            raise DamagedFileError(f"{path.name} is larger than {limit // 1_000_000} MB")
    except DamagedFileError:
        file.close()
        raise
    return file


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises FileNotFoundError, DamagedFileError."""
    try:
        with open_regular(path, MAX_JSON_BYTES) as file:
            value = json.loads(file.read(), parse_constant=read_constant)
    except (FileNotFoundError, DamagedFileError):
        raise
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise DamagedFileError(f"{path.name} cannot be read: {why}") from error
    if not isinstance(value, dict):
        raise DamagedFileError(f"{path.name} holds no JSON object")
    return value


def find_json(path: Path) -> dict[str, Any] | None:
    """A JSON object, or None if there is no such file. Raises DamagedFileError."""
    try:
        return read_json(path)
    except FileNotFoundError:
        return None


def find_note(path: Path) -> dict[str, Any] | None:
    """A JSON object, or None if the file is missing or damaged."""
    try:
        return find_json(path)
    except DamagedFileError:
        return None
