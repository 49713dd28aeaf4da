"""Which folders of an image folder are parts, as a person writes it: `classes`, or `train=A, val=B, test=C, skip=D`."""

from __future__ import annotations

import re
from collections.abc import Iterable

CLASSES = "classes"
ROLES = ("train", "val", "test", "skip")
_SEPARATOR = re.compile(rf",\s*(?=(?:{'|'.join(ROLES)})\s*=)")
_PAIR = re.compile(rf"({'|'.join(ROLES)})\s*=\s*(\S.*)", re.DOTALL)

Pairs = tuple[tuple[str, str], ...]


def read_parts(text: str) -> Pairs:
    """The folder of each role, nothing for an empty text or `classes`. Raises ValueError with a sentence."""
    if text.strip() in ("", CLASSES):
        return ()
    found = [_PAIR.fullmatch(piece.strip()) for piece in _SEPARATOR.split(text.strip())]
    pairs = tuple((match[1], match[2].rstrip().rstrip("/")) for match in found if match)
    if len(pairs) < len(found):
        raise ValueError(f"write {CLASSES}, or folders as in train=A, val=B, test=C, skip=D")
    if not all(name for _, name in pairs):
        raise ValueError("names no folder for a part")
    roles = [role for role, _ in pairs if role != "skip"]
    if twice := next((role for role in roles if roles.count(role) > 1), ""):
        raise ValueError(f"names two folders for {twice}")
    if len({name for _, name in pairs}) < len(pairs):
        raise ValueError("names a folder twice")
    return pairs


def is_parts(text: str) -> bool:
    try:
        read_parts(text)
    except ValueError:
        return False
    return True


def write_parts(pairs: Iterable[tuple[str, str]]) -> str:
    """The counterpart of `read_parts`."""
    return ", ".join(f"{role}={name}" for role, name in pairs)
