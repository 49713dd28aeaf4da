"""Named views of the table of runs: what it is filtered, ordered and grouped by, kept for everybody of the lab."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from core.runs.store import ensure_folder
from core.system import files
from core.system.errors import LabError
from core.system.folders import runs_folder
from core.system.locks import hold

_FILE = ".views.json"
MAX_VIEWS, MAX_NAME, MAX_VALUES, MAX_LETTERS = 100, 60, 200, 2000

View = dict[str, list[str]]  # parameters of the page's address


class ViewError(LabError, ValueError):
    """A view cannot be kept; the message says why."""


def read_views() -> dict[str, View]:
    """By name, in alphabetical order; a file that cannot be read counts as empty until a view is saved."""
    found = files.find_note(_path()) or {}
    views = {name: view for name, view in found.items() if _is_view(view)}
    return dict(sorted(views.items(), key=lambda item: item[0].casefold()))


def save_view(name: str, view: Mapping[str, list[str]]) -> bool:
    """Keeps a view, and says whether it is in place of one of the same name.

    Raises ViewError, RunsFolderError, OSError.
    """
    name = _read_name(name)
    if not _is_view(dict(view)):
        raise ViewError("The view is too large to be kept.")
    with hold(ensure_folder() / f"{_FILE}.lock"):
        before = read_views()
        views = before | {name: dict(view)}
        if len(views) > MAX_VIEWS:
            raise ViewError(f"There are {MAX_VIEWS} views already: delete one first.")
        files.write_json(_path(), views)
    return name in before


def rename_view(name: str, new: str) -> bool:
    """Whether it has another name now. A view of that name is not replaced, as it cannot be brought back.

    Raises ViewError, RunsFolderError, OSError.
    """
    new = _read_name(new)
    if new == name:
        return False
    with hold(ensure_folder() / f"{_FILE}.lock"):
        views = read_views()
        if name not in views:
            raise ViewError(f"There is no view {name} any more.")
        if new in views:
            raise ViewError(f"There is a view {new} already.")
        files.write_json(_path(), {new if each == name else each: view for each, view in views.items()})
    return True


def delete_view(name: str) -> None:
    """Raises RunsFolderError, OSError."""
    with hold(ensure_folder() / f"{_FILE}.lock"):
        files.write_json(_path(), {each: view for each, view in read_views().items() if each != name})


def _read_name(name: str) -> str:
    """As it is kept. Raises ViewError."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= MAX_NAME:
        raise ViewError(f"A view's name has 1 to {MAX_NAME} letters.")
    return name


def _path() -> Path:
    return runs_folder() / _FILE


def _is_view(view: object) -> bool:
    return isinstance(view, dict) and all(
        isinstance(values, list)
        and len(values) <= MAX_VALUES
        and all(isinstance(value, str) and len(value) <= MAX_LETTERS for value in values)
        for values in view.values()
    )
