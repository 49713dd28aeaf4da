"""The sets of images that somebody may want to see: those known by name, and the folders that runs were trained on."""

from __future__ import annotations

from dataclasses import dataclass

from core.data.catalogue import DATASETS, is_ready
from core.runs.listing import list_known
from core.spec import CHOICE_LABELS, DataSpec
from core.spec.parse import SpecError, parse_spec

_MOST_FOLDERS = 50


@dataclass(frozen=True)
class KnownSet:
    """A set as it is called, and a spec that reads it."""

    title: str
    spec: DataSpec

    @property
    def is_here(self) -> bool:
        return is_ready(self.spec)


def list_sets() -> list[KnownSet]:
    """Those known by name first, then folders, the last used first; paths that are the same but for their end, once."""
    named = [
        KnownSet(CHOICE_LABELS[name], DataSpec.model_validate({"dataset": name}))
        for name in DATASETS
        if DATASETS[name].class_counts
    ]
    return [*named, *_list_folders()]


def _list_folders() -> list[KnownSet]:
    found: dict[str, KnownSet] = {}
    for run in list_known(max_age=10).runs:
        values = {path.removeprefix("data."): value for path, value in run.configuration if path.startswith("data.")}
        folder = values.get("folder")
        if run.tool or not isinstance(folder, str) or folder in found or len(found) >= _MOST_FOLDERS:
            continue
        try:
            spec = parse_spec({"data": values}).data
        except SpecError:
            continue
        if spec.has_path:
            found[folder] = KnownSet(folder, spec)
    return list(found.values())
