"""What a checkpoint's file is, seen without torch: safetensors, with the training state as JSON in its metadata.

In that JSON `{"$tensor": true}` stands for a tensor, named by the keys that lead to it: "best/weights/stem.0.weight".
Nothing in such a file can be called, and no number in it makes more of it than it is long.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from core.system.safe_zip import CheckpointFileError

STATE = "state"  # the metadata's key
FORMAT = 2  # of the training state; 1 was a pickle
# Beyond what the deepest network that a spec allows needs: some 66,000 tensors. More would fill the memory with names.
MAX_HEADER_BYTES = 16_000_000
MAX_STATE_BYTES = 4_000_000
MAX_PARTS = 200_000  # lists and dicts of the state
MAX_TENSORS = 100_000
_TENSOR, _NUMBER, _ITEMS = "$tensor", "$number", "$items"


def fold(value: Any, is_tensor: Callable[[Any], bool], tensors: dict[str, Any], path: str = "") -> Any:
    """Nested dicts and lists as strict JSON, their tensors in `tensors` by name; a tuple becomes a list.

    Raises ValueError if two tensors would have one name.
    """
    if is_tensor(value):
        if path in tensors:
            raise ValueError(f"two tensors of a training state are named {path}")
        tensors[path] = value
        return {_TENSOR: True}
    if isinstance(value, dict):
        folded = {key: fold(inner, is_tensor, tensors, _join(path, key)) for key, inner in value.items()}
        # JSON's keys are texts; an optimizer's are numbers.
        is_plain = all(isinstance(key, str) and not key.startswith("$") for key in folded)
        return folded if is_plain else {_ITEMS: [list(item) for item in folded.items()]}
    if isinstance(value, list | tuple):
        return [fold(inner, is_tensor, tensors, _join(path, index)) for index, inner in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        return {_NUMBER: str(value)}
    return value


def unfold(value: Any, take: Callable[[str], Any], path: str = "") -> Any:
    """What was folded, with `take(name)` for each tensor; whatever `take` raises, and ValueError or TypeError."""
    if isinstance(value, list):
        return [unfold(inner, take, _join(path, index)) for index, inner in enumerate(value)]
    match value:
        case {"$tensor": True}:
            return take(path)
        case {"$number": "nan" | "inf" | "-inf" as number}:
            return float(number)
        case {"$items": list(items)}:
            return {key: unfold(inner, take, _join(path, key)) for key, inner in items}
        case dict():
            return {key: unfold(inner, take, _join(path, key)) for key, inner in value.items()}
    return value


def _join(path: str, key: Any) -> str:
    return f"{path}/{key}" if path else str(key)


def read_file(path: Path) -> tuple[Any, list[str]]:
    """A checkpoint's state as JSON, and the names of its tensors, of which none is read; the state has a use for each.

    Raises CheckpointFileError if it is no safetensors file with such a state, OSError.
    """
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(length) if length <= MAX_HEADER_BYTES else b""
    # Two brackets a tensor and one for each list of the state: safetensors takes a kilobyte for every tensor.
    if not header or header.count(b"[") > 3 * MAX_TENSORS:
        raise CheckpointFileError("holds no training state")
    del header
    try:
        with safe_open(path, framework="numpy") as opened:
            text, names = opened.metadata()[STATE], list(opened.keys())
        is_large = len(text) > MAX_STATE_BYTES or text.count("[") + text.count("{") > MAX_PARTS
        if is_large or len(names) > MAX_TENSORS:
            raise ValueError("there is more than any network has")
        state, left = json.loads(text, parse_constant=_refuse), set(names)
        unfold(state, left.remove)
        if left:
            raise ValueError("there are tensors that the state does not name")
    except (SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise CheckpointFileError("holds no training state") from error
    return state, names


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not allowed")


def check_file(path: Path) -> None:
    """Raises CheckpointFileError unless the file holds a state of this format."""
    state, _ = read_file(path)
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise CheckpointFileError("holds no training state that this version can read")
