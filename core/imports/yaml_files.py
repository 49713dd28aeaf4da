"""Small YAML files of other tools, such as parameters: plain values, and of Python's own types their text alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from core.system.files import DamagedFileError, open_regular
from core.text.formats import format_bytes

MAX_BYTES = 64_000  # read in about two seconds
_BAD = (yaml.YAMLError, DamagedFileError, RecursionError, ValueError, TypeError, OSError)


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
    """Plain values only, each written once: a few lines that refer to each other unfold to gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it refers to its own parts")
        return super().compose_node(parent, index)


def _tell_object(loader: Any, tag: str, node: Any) -> Any:
    """What PyYAML writes of a value that is no plain one: a tuple as a list, of others the name and what is in it.

    Nothing is imported, made or called: `python/object/apply:pathlib.PosixPath` of `[a, b]` is the text
    `pathlib.PosixPath ["a", "b"]`.
    """
    name = tag.partition(":")[2]
    match node:
        case yaml.SequenceNode():
            content: Any = loader.construct_sequence(node, deep=True)
        case yaml.MappingNode():
            content = loader.construct_mapping(node, deep=True)
        case _:
            content = loader.construct_scalar(node)
    if not name:
        return content
    return f"{name} {json.dumps(content, default=str, ensure_ascii=False)}" if content else name


_Loader.add_multi_constructor("tag:yaml.org,2002:python/", _tell_object)


def read_yaml(path: Path) -> tuple[dict[Any, Any], list[str]]:
    """The keys and values of a file, and sentences on what could not be read.

    None if it is missing, too large, or no plain YAML. Tools end each line, so one without an end was cut.
    """
    try:
        with open_regular(path, MAX_BYTES) as file:
            content = file.read()
        value = yaml.load(content, _Loader)  # nosec B506 - derived from the safe loader
    except _BAD:
        value, content = None, b""
    if not isinstance(value, dict):
        return {}, [f"{path.name}: left out, as it is no plain YAML of at most {format_bytes(MAX_BYTES)}."]
    if not content.endswith(b"\n"):
        return value, [f"{path.name}: its last line has no end, so its last value may be cut short."]
    return value, []
