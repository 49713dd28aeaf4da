"""Runs and studies that bear hostile texts as their names, tags, notes and classes."""

from __future__ import annotations

from core.runs.folder import Run
from core.studies.manage import check_name
from core.studies.storage import StudyError
from core.system import files
from tests.examined import make_examined
from tests.pages.sample_runs import make_run
from tests.security.hostile_text import ALL


def make_noted(text: str) -> Run:
    run = make_run(name=text, tags=(text[:60],))
    run.update_about(note=text)
    return run


def make_hostile(text: str, classes: list[str]) -> Run:
    run = make_examined(name=text, tags=(text[:60],))
    run.update_about(note=text)
    files.write_json(run.path / "environment.json", {**run.environment(), "class_names": classes, "device": text})
    return run


def study_names() -> list[str]:
    """The texts that a study may be named by."""
    names = []
    for text in ALL:
        try:
            names.append(check_name(text[:50]))
        except StudyError:
            continue
    return list(dict.fromkeys(names))
