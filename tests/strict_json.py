"""JSON as a strict reader takes it: Python's own also reads NaN and Infinity, which are none."""

import json
from pathlib import Path
from typing import Any


def strict(text: str | bytes) -> Any:
    """The value; raises ValueError for what is no JSON."""
    return json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def assert_strict_json(folder: Path, but: tuple[str, ...] = ()) -> None:
    """All JSON files of a folder, but for those of these names, are as a strict reader takes them."""
    for path in folder.rglob("*.json"):
        if not path.name.startswith(".") and path.name not in but:
            strict(path.read_text())
