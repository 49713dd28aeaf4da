"""Runs for tests, made as the launcher makes them but without a worker."""

from __future__ import annotations

from collections.abc import Sequence

from core.runs.records import About
from core.runs.store import publish_run
from core.spec import RunSpec


def create_run(
    spec: RunSpec,
    *,
    name: str = "",
    tags: Sequence[str] = (),
    priority: int = 0,
    click_key: str = "",
    started_by: str = "",
) -> str:
    """Makes a run's folder and returns its id; the same click gives the same run."""
    about = About(name=name, tags=tuple(tags), priority=priority, started_by=started_by)
    return publish_run(spec, about, click_key)[0]
