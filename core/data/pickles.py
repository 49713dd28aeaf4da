"""Pickles are not read: what they say is run. They are known by their first bytes, and told with a way that is open."""

from __future__ import annotations

import os
import re
from contextlib import suppress

from core.system.names import readable

MARK_BYTES = 2
_MARKS = frozenset(bytes([0x80, protocol]) for protocol in range(2, 6))
_MOST_FILES = 100
# The files of CIFAR's archives for Python, with the classes of their set.
_CIFAR = {10: re.compile(r"data_batch_\d+|test_batch|batches\.meta"), 100: re.compile(r"train|test|meta")}


def is_pickle(start: bytes) -> bool:
    """Whether a file with these first bytes is a pickle of protocol 2 or later."""
    return start[:MARK_BYTES] in _MARKS


def find_pickle(folder: str) -> str:
    """The name of a pickle directly in a folder, or ""."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry, _ in zip(entries, range(_MOST_FILES), strict=False):
            with suppress(OSError):
                if entry.is_file(follow_symlinks=False) and _reads_as_pickle(entry.path):
                    return entry.name
    return ""


def _reads_as_pickle(path: str) -> bool:
    with open(path, "rb") as file:
        return is_pickle(file.read(MARK_BYTES))


def explain_pickle(name: str) -> str:
    """Why this file is not read, and what to bring instead."""
    base = re.split(r"[/\\]", name)[-1]
    classes = next((count for count, names in _CIFAR.items() if names.fullmatch(base)), None)
    way = (
        f"If it is of CIFAR-{classes}, bring cifar-{classes}-binary.tar.gz; or let the lab verify the archive as it "
        f"was published: python -m core data download cifar{classes} --file cifar-{classes}-python.tar.gz."
        if classes
        else "Save its images and labels as arrays, in one .npz file."
    )
    return f"{readable(base)[:80]} is a pickle, which can run any program as it is read, and so is not read. {way}"
