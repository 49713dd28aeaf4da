"""The records' types name what is really written, and what people say about a run has limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.runs.folder import Run
from core.runs.records import MAX_TEXT, About, AboutError, Environment
from core.worker.provenance import describe_machine


def test_every_fact_that_a_worker_notes_is_named() -> None:
    assert describe_machine().keys() <= Environment.__annotations__.keys()


def test_keys_of_a_newer_version_stay_and_a_damaged_file_counts_as_none(tmp_path: Path) -> None:
    run = Run(tmp_path)
    (tmp_path / "environment.json").write_text('{"device": "cpu", "of_tomorrow": [1]}')
    assert run.environment() == {"device": "cpu", "of_tomorrow": [1]}
    assert run.environment().get("class_names") is None
    (tmp_path / "environment.json").write_text("{")
    assert run.environment() == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "x" * (MAX_TEXT["name"] + 1)},
        {"tags": ("",)},
        {"note": "\ud800"},
        {"colour": "red"},
        {"colour": "#12345"},
    ],
)
def test_what_cannot_be_kept_about_a_run_is_a_sentence(wrong: dict[str, object]) -> None:
    with pytest.raises(AboutError, match=f"^{next(iter(wrong))}: "):
        About(**wrong)  # type: ignore[arg-type]


def test_a_colour_is_kept_and_older_files_have_none(tmp_path: Path) -> None:
    About(name="a", colour="#12aBef").write(tmp_path / "about.json")
    assert About.read(tmp_path / "about.json").colour == "#12aBef"
    (tmp_path / "about.json").write_text('{"name": "a"}')
    assert About.read(tmp_path / "about.json").colour == ""
