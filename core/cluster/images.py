"""Images for nodes that have no copy of their own: read where the runs are kept, sent once to each node."""

from __future__ import annotations

import os
from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any

import numpy as np

from core.data.catalogue import DATASETS, check_ready
from core.data.notes import list_left_out
from core.data.source import Source
from core.data.store import DataError
from core.spec import DataSpec, RunSpec
from core.system.child import Child

KEPT = 2  # sets at once, the newest: each takes its size of the object store

Images = tuple[Source, frozenset[str]]  # and the names of those that the spec leaves out


def lacks_images(spec: DataSpec) -> bool:
    """Whether this machine has no verified copy of its own.

    A downloaded set is the published one, by its checksums. Nobody knows whether a folder of the same name holds the
    same images, so those always come from where the run is kept.
    """
    if DATASETS[spec.dataset].class_counts is None:
        return True
    try:
        check_ready(spec)
        list_left_out(spec.without)
    except DataError:
        return True
    return False


def read_images(spec: dict[str, Any]) -> Images:
    """All images of a spec as JSON, before they are split. Raises DataError. Loads torch: asked of a child process."""
    data = RunSpec.model_validate_json(spec["json"]).data
    check_ready(data)
    read: Callable[[DataSpec], Source] = resolve_name(DATASETS[data.dataset].reader)
    return read(data), list_left_out(data.without)


class ImageKeeper:
    """Reads each set once and hands out what `put` made of it; whoever asks for the same again gets the same."""

    def __init__(self, put: Callable[[Images], Any]) -> None:
        self.put = put
        self.kept: dict[str, Any] = {}

    def find(self, spec: str) -> Any:
        """What `put` made of the images of this spec, as JSON. Raises DataError."""
        key = RunSpec.model_validate_json(spec).data.model_dump_json()
        if key not in self.kept:
            # In a process that ends afterwards: torch, which decodes, would stay for good.
            with Child("process that reads the images") as child:
                source, without = child.ask("core.cluster.images:read_images", spec={"json": spec})
            self.kept[key] = self.put((_in_memory(source), without))
            while len(self.kept) > KEPT:
                del self.kept[next(iter(self.kept))]
        return self.kept[key]


def _in_memory(source: Source) -> Source:
    """Without a file behind its pixels, which only this machine has."""
    from dataclasses import replace

    return replace(source, images=np.ascontiguousarray(source.images), names=tuple(source.names))


def absolute_folder(spec: str) -> str:
    """The spec, as JSON, with its image folder named from the root: other processes work elsewhere."""
    parsed = RunSpec.model_validate_json(spec)
    if not parsed.data.folder:
        return spec
    folder = os.path.abspath(os.path.expanduser(parsed.data.folder))
    return parsed.model_copy(update={"data": parsed.data.model_copy(update={"folder": folder})}).model_dump_json()
