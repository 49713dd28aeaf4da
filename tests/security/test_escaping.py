"""Text that stands in a run's files is shown as text: no page reads it as HTML or Markdown, nor does a label."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.runs.folder import Run
from core.system import files
from tests.examined import CLASSES, make_examined
from tests.pages.sample_runs import add_checkpoint

PLANTED = "<b id=planted>*x*</b> :red[y]"
# Fields of Streamlit's messages whose text a browser reads as Markdown, or as HTML.
READ = {"label", "help", "body", "caption", "title"}
PLACES = [
    *[("run", {"tab": tab}) for tab in ("Charts", "Summary", "Config", "Logs", "System", "Checkpoints", "Take away")],
    *[("examine", {"tab": tab}) for tab in ("Classes", "Confidence", "History", "Image")],
    *[("compare", {"tab": tab}) for tab in ("Curves", "What differs", "Is it better?", "Scatter", "Disagreements")],
    ("runs", {}),
    ("lab", {}),
]


@pytest.fixture
def planted(lab_folders: Path) -> tuple[Run, Run]:
    """Two runs that have the text wherever their files have any."""
    made = []
    for state in ("finished", "failed"):
        run = make_examined(state, name=PLANTED, tags=[PLANTED[:60]], started_by=PLANTED)
        add_checkpoint(run, epoch=4)
        run.update_about(note=PLANTED)
        for name in ("environment.json", "end.json", "checkpoints/manifest.json"):
            path = run.path / name
            files.write_json(path, plant(json.loads(path.read_text())))
        environment = run.environment()
        said = dict.fromkeys(("device", "device_name", "platform", "python", "commit", "precision"), PLANTED)
        said |= {"notes": [PLANTED], "versions": {PLANTED: PLANTED}, "class_names": [PLANTED] * CLASSES}
        files.write_json(run.path / "environment.json", {**environment, **said, "val_classes_dtype": "uint8"})
        files.write_json(run.path / "progress.json", {"phase": PLANTED, "epoch": 1})
        (run.path / "log.txt").write_text(PLANTED)
        assert run.damage() == ""
        made.append(run)
    return made[0], made[1]


def plant(value: Any, key: str = "") -> Any:
    """The text in place of every text that is none of a few words."""
    if isinstance(value, dict):
        return {name: plant(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [plant(inner, key) for inner in value]
    return PLANTED if isinstance(value, str) and key in ("reason", "sha256") else value


def read_as_markup(page: AppTest) -> Iterator[str]:
    for element in page.main:
        yield from _texts(element)


def _texts(element: Any) -> Iterator[str]:
    for child in getattr(element, "children", {}).values():
        yield from _texts(child)
    proto = getattr(element, "proto", None)
    for field, value in proto.ListFields() if proto is not None else ():
        if field.name in READ and isinstance(value, str):
            yield value


@pytest.mark.parametrize(("name", "address"), PLACES, ids=str)
def test_no_page_reads_the_text_of_a_file_as_markup(
    planted: tuple[Run, Run],
    open_page: Callable[..., AppTest],
    name: str,
    address: dict[str, str],
) -> None:
    ids = {"ids": ",".join(run.id for run in planted)} if name == "compare" else {"id": planted[0].id}
    page = open_page(name, **(address if name in ("runs", "lab") else address | ids))
    told = list(read_as_markup(page))
    assert told
    for text in told:
        assert "<b id=planted>" not in text
        assert "<" in text or ":red[y]" not in text, text


def test_control_the_same_text_as_markdown_is_found() -> None:
    def show() -> None:
        import streamlit as st

        st.markdown("<b id=planted>*x*</b> :red[y]")
        st.button("a :red[y]")

    page = AppTest.from_function(show).run()
    assert len({text for text in read_as_markup(page) if ":red[y]" in text}) == 2
