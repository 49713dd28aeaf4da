"""The sets of images that somebody may want: those known by name, those brought, and the folders of runs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from core.data.bring import list_brought, spec_of
from core.data.catalogue import DATASETS, is_ready
from core.data.store import DataError
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
    """Those known by name first, then those that were brought, then the folders of runs, the last used first."""
    named = [
        KnownSet(CHOICE_LABELS[name], DataSpec.model_validate({"dataset": name}))
        for name in DATASETS
        if DATASETS[name].class_counts
    ]
    return [*named, *_list_folders()]


def list_brought_sets() -> list[KnownSet]:
    """Those that were brought, by name; what cannot be read is left out."""
    found = []
    for folder in list_brought():
        with suppress(DataError):
            found.append(KnownSet(folder.name, spec_of(folder)))
    return found


def _list_folders() -> list[KnownSet]:
    found = {known.spec.folder: known for known in list_brought_sets()}
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
