"""Small YAML files of other tools, such as parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from core.system.files import DamagedFileError, open_regular

MAX_BYTES = 64_000  # read in about two seconds
_BAD = (yaml.YAMLError, DamagedFileError, RecursionError, ValueError, TypeError, OSError)


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
    """Plain values only, each written once: a few lines that refer to each other unfold to gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it refers to its own parts")
        return super().compose_node(parent, index)


def read_yaml(path: Path) -> Any:
    """What a file holds; None if it is missing, too large, or no plain YAML."""
    try:
        with open_regular(path, MAX_BYTES) as file:
            return yaml.load(file.read(), _Loader)  # nosec B506 - derived from the safe loader
    except _BAD:
        return None


def tell_unread(path: Path) -> str:
    """What is said of a file that gave no parameters."""
    return f"{path.name}: left out, as it is no plain YAML of at most {MAX_BYTES // 1000} KB."
